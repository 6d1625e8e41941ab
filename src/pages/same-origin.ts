/** Who may press the buttons of a page that change something. */
import type { IncomingMessage } from "node:http";

type Headers = Pick<IncomingMessage, "headers">;

/**
 * A page of another origin can make a browser post a form here, but cannot make it lie about where the
 * form was. The scheme is not compared: a proxy in front may add TLS.
 */
export function isSameOrigin({ headers }: Headers): boolean {
  const host = headers[":authority"] ?? headers.host;
  try {
    return (
      host !== undefined && new URL(headers.origin ?? "").host === new URL(`http://${String(host)}`).host
    );
  } catch {
    return false;
  }
}

/** Whether a page of another origin sent it; programs say nothing of where they are. */
export function isFromElsewhere(request: Headers): boolean {
  return request.headers.origin !== undefined && !isSameOrigin(request);
}
