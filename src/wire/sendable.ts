/** A request that could never be sent is refused when it is accepted, instead of failing when it is due. */
import { BoxkiteError } from "../domain/errors.ts";
import type { HttpRequest } from "../domain/notification.ts";

/** Headers of the connection, of proxies, of the receiver's name and of the body's length, which the sender sets. */
const FRAMING = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Throws INVALID_ARGUMENT for a request that HTTP does not allow. `what`: the request in messages, for example
 * "notification 1 of the run".
 */
export function requireSendable({ method, url, headers, body }: HttpRequest, what: string): void {
  const parsed = URL.parse(url);
  if (!/^https?:$/u.test(parsed?.protocol ?? "")) {
    throw new BoxkiteError("INVALID_ARGUMENT", `the URL of ${what} is no http or https URL`, {
      hint: "write it in full: https://host/path",
    });
  }
  if (parsed?.username || parsed?.password) {
    throw new BoxkiteError("INVALID_ARGUMENT", `the URL of ${what} has credentials in it`, {
      hint: "send them in a header, Authorization for one",
    });
  }
  const framing = Object.keys(headers).find((name) => FRAMING.has(name.toLowerCase()));
  if (framing !== undefined) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `${what} has the header ${framing}, which the server sets itself`,
      { hint: `leave ${framing} out of the headers` },
    );
  }
  try {
    void new Request(url, { method, headers, body });
  } catch (error) {
    throw new BoxkiteError("INVALID_ARGUMENT", `${what} has a header that HTTP does not allow`, {
      cause: error,
      hint: "names of headers are letters, digits and -; their values have no line breaks",
    });
  }
}
