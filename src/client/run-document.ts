/** Reads what the server says of a run or an action. */
import { BoxkiteError } from "../domain/errors.ts";
import { ROOT_ACTION, type RunKey } from "../domain/ids.ts";
import { DOCUMENT_VERSION, type RunDocument } from "../domain/run-document.ts";
import { runUrl } from "./endpoint.ts";
import { getJson } from "./server-json.ts";
import type { ConnectionOptions } from "./transport.ts";

/** Throws what the server answers, SERVER_UNREACHABLE, or CONFIG_INVALID for a document of another version. */
export async function readRunDocument(
  connection: ConnectionOptions,
  { run, ...place }: RunKey,
  action: string = ROOT_ACTION,
): Promise<RunDocument> {
  const path = new URL(runUrl("http://server", { ...place, name: run })).pathname;
  const query = action === ROOT_ACTION ? "" : `?i=${encodeURIComponent(action)}`;
  const document = (await getJson(connection, `${path}/document${query}`)) as RunDocument;
  if (document.version === DOCUMENT_VERSION) return document;
  throw new BoxkiteError(
    "CONFIG_INVALID",
    `the server sends documents of version ${document.version}, and this program reads version ${DOCUMENT_VERSION}`,
    { hint: "use the boxkite of the server's version" },
  );
}
