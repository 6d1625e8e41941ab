import { attributesOf, checksumHeadersOf } from "./attributes.ts";
import { authorize, whileAuthorized, type Call } from "./call.ts";
import { writeConditionOf } from "./conditions.ts";
import { encryptionHeadersOf } from "./encryption-header.ts";
import { sendEmpty } from "./respond.ts";
import { verifyBody } from "./verified-body.ts";

/**
 * Ours: a signed URL with it makes an object and replaces none. The signature covers it, so its bearer cannot leave it out.
 */
export const WRITE_ONCE_PARAMETER = "boxkite-write-once";

export async function putObject(call: Call): Promise<void> {
  const { request, response, store, onWritten } = call;
  await authorize(call, "write", request.key);
  const condition = writeConditionOf(request);
  const body = verifyBody(request, call.authenticated);
  const stored = await store.put(request.key, whileAuthorized(call, body.bytes), {
    ...attributesOf(request),
    ...(condition === undefined ? {} : { condition }),
    ...(request.parameter(WRITE_ONCE_PARAMETER) !== undefined && { once: true }),
    checksum: body.checksum,
  });
  await onWritten(request.key, stored.size);
  sendEmpty(response, 200, {
    etag: stored.etag,
    ...checksumHeadersOf(stored),
    ...encryptionHeadersOf(stored),
  });
}
