/** A request that could never be sent is refused when it is accepted, instead of failing when it is due. */
import { BoxkiteError } from "../domain/errors.ts";
import type { HttpRequest } from "../domain/notification.ts";

/** Headers of the connection and of the body's length, which the sender sets. */
const FRAMING = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Throws INVALID_ARGUMENT for a request that HTTP does not allow, naming what is wrong below `path`. */
export function requireSendable({ method, url, headers, body }: HttpRequest, path: string): void {
  const parsed = URL.parse(url);
  if (!/^https?:$/u.test(parsed?.protocol ?? "")) {
    throw new BoxkiteError("INVALID_ARGUMENT", `${path}.url is no http or https URL`);
  }
  if (parsed?.username || parsed?.password) {
    throw new BoxkiteError("INVALID_ARGUMENT", `${path}.url has credentials in it`, {
      hint: "send them in a header, Authorization for one",
    });
  }
  const framing = Object.keys(headers).find((name) => FRAMING.has(name.toLowerCase()));
  if (framing !== undefined) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `${path}.headers has ${framing}, which the server sets itself`,
    );
  }
  try {
    void new Request(url, { method, headers, body });
  } catch (error) {
    throw new BoxkiteError("INVALID_ARGUMENT", `${path}.headers has one that HTTP does not allow`, {
      cause: error,
    });
  }
}
