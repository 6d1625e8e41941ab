/** DeleteObject and DeleteObjects. Deleting what is not there succeeds, as in S3. */
import { childText } from "../../lib/xml.ts";
import { mapInBatches } from "../directory/batches.ts";
import { s3ErrorOf } from "./error-answer.ts";
import { accessDenied, authorize, type Call } from "./call.ts";
import { readXml } from "./read-xml.ts";
import { sendEmpty, sendXml } from "./respond.ts";
import { S3Error } from "./s3-error.ts";
import { checkKeyOfUrl } from "./s3-request.ts";
import { document, element, text } from "./xml.ts";

/** As S3. */
const MAX_KEYS = 1000;

export async function deleteObject(call: Call): Promise<void> {
  const { request, response, store } = call;
  refuseCondition(request.header("if-match"));
  await authorize(call, "delete", request.key);
  await store.delete(request.key);
  sendEmpty(response, 204);
}

export async function deleteObjects(call: Call): Promise<void> {
  const { response } = call;
  const body = await readXml(call, "Delete");
  const objects = body.children.filter((child) => child.name === "Object");
  if (objects.length === 0 || objects.length > MAX_KEYS) {
    throw new S3Error("MalformedXML", `DeleteObjects takes 1 to ${MAX_KEYS} keys, not ${objects.length}.`);
  }
  const keys = objects.map((object) => {
    const version = childText(object, "VersionId");
    if (version !== undefined && version !== "null")
      throw new S3Error("NotImplemented", "There are no versions.");
    refuseCondition(childText(object, "ETag"));
    return childText(object, "Key") ?? "";
  });
  const quiet = childText(body, "Quiet")?.trim() === "true";
  const results = await mapInBatches(keys, (key) => deleteOne(call, key, quiet));
  sendXml(response, document("DeleteResult", ...results));
}

/** One element of the answer; an error concerns its own key only. */
async function deleteOne(call: Call, key: string, quiet: boolean): Promise<string> {
  try {
    if (key === "") throw new S3Error("InvalidArgument", "A key cannot be empty.");
    checkKeyOfUrl(key);
    const { principal } = call.authenticated;
    if (!(await principal.allows("delete", key))) throw accessDenied(principal.name, "delete", key);
    await call.store.delete(key);
    return quiet ? "" : element("Deleted", text("Key", key));
  } catch (error) {
    const { code, message, status } = s3ErrorOf(error);
    if (status >= 500) call.log.error("object not deleted", { key, error });
    return element("Error", text("Key", key), text("Code", code), text("Message", message));
  }
}

function refuseCondition(etag: string | undefined): void {
  if (etag !== undefined)
    throw new S3Error("NotImplemented", "Deleting under a condition is not implemented.");
}
