/** Who may press the buttons of a page that change something. */
import type { IncomingMessage } from "node:http";

/**
 * A page of another origin can make a browser post a form here, but cannot make it lie about where the
 * form was. The scheme is not compared: a proxy in front may add TLS.
 */
export function isSameOrigin({ headers }: IncomingMessage): boolean {
  const host = headers[":authority"] ?? headers.host;
  try {
    return (
      host !== undefined && new URL(headers.origin ?? "").host === new URL(`http://${String(host)}`).host
    );
  } catch {
    return false;
  }
}
