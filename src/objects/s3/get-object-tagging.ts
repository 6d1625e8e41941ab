import { authorize, type Call } from "./call.ts";
import { noSuchKey } from "./get-object.ts";
import { sendXml } from "./respond.ts";
import { document, element, text } from "./xml.ts";

export async function getObjectTagging(call: Call): Promise<void> {
  const { request, response, store } = call;
  await authorize(call, "read", request.key);
  const object = await store.head(request.key);
  if (object === undefined) throw noSuchKey(request.key);
  const tags = Object.entries(object.tags ?? {}).map(([name, value]) =>
    element("Tag", text("Key", name), text("Value", value)),
  );
  sendXml(response, document("Tagging", element("TagSet", ...tags)));
}
