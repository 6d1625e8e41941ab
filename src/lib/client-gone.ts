/** Whether anybody still waits for a response. */
import type { ServerResponse } from "node:http";
import type { Http2ServerResponse } from "node:http2";

/** Responses of HTTP/2 have no `destroyed` of their own, whatever their type says (seen with Node 24). */
export function isGone(response: ServerResponse | Http2ServerResponse): boolean {
  // A handler may have an HTTP/2 response under the type of an HTTP/1.1 one.
  const { stream } = response as { readonly stream?: { readonly destroyed: boolean } };
  return stream?.destroyed ?? response.destroyed;
}
