/** What an attempt's own keys open in the object store. */
import { presign, type PresignOptions } from "../../src/lib/sigv4-signer.ts";
import { parseObjectUri } from "../../src/objects/uri.ts";
import type { FakeAttempt } from "./fake-executor.ts";

/** The status of the answer. */
export async function asAttempt(
  origin: string,
  { spec: { env } }: FakeAttempt,
  method: PresignOptions["method"],
  uri: string,
  body: Uint8Array<ArrayBuffer> | string = "x",
): Promise<number> {
  const { bucket, key } = parseObjectUri(uri) ?? { bucket: "", key: "" };
  const url = presign({
    method,
    origin,
    bucket,
    key,
    accessKeyId: env["FLYTE_AWS_ACCESS_KEY_ID"] ?? "",
    secretAccessKey: env["FLYTE_AWS_SECRET_ACCESS_KEY"] ?? "",
    expiresInSeconds: 60,
    nowMs: Date.now(),
  });
  const answer = await fetch(url, { method, ...(method === "PUT" && { body }) });
  await answer.body?.cancel();
  return answer.status;
}
