/** Whether anybody still waits for a response. */
import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";

/** Responses of HTTP/2 have no `destroyed` of their own, whatever their type says (seen with Node 24). */
export function isGone(response: ServerResponse | Http2ServerResponse): boolean {
  // A handler may have an HTTP/2 response under the type of an HTTP/1.1 one.
  const { stream } = response as { readonly stream?: { readonly destroyed: boolean } };
  return stream?.destroyed ?? response.destroyed;
}

/**
 * Calls back once when the response has closed: answered, or because its client has left; at once where that was before, as while
 * it was found out who calls: the event does not come again.
 */
export function onceClosed(response: ServerResponse | Http2ServerResponse, closed: () => void): void {
  if (isGone(response)) closed();
  else response.once("close", closed);
}
