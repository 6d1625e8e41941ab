import type { IncomingHttpHeaders } from "node:http";
import { ACCESS_KEY_PARAMETER } from "./signature-v2.ts";

/** Of S3's signatures, all versions. */
const AUTHORIZATION = /^AWS(?:4-[A-Z0-9-]+)?\s/u;

/** Whether a request carries a signature of S3, in its header or its URL; the signature is not verified. */
export function isSigned(request: {
  readonly url?: string | undefined;
  headers: IncomingHttpHeaders;
}): boolean {
  if (AUTHORIZATION.test(request.headers.authorization ?? "")) return true;
  const names = new Set(
    (request.url ?? "")
      .split(/\?(.*)/su, 2)[1]
      ?.split("&")
      .map((pair) => pair.split("=", 1)[0]),
  );
  return names.has("X-Amz-Signature") || (names.has(ACCESS_KEY_PARAMETER) && names.has("Signature"));
}
