/** The origin by which a client reached us: what a URL made for it must start with. */
import type { HandlerContext } from "@connectrpc/connect";

/** Set by the listener from the request's own Host header, or from what a trusted proxy says. */
export const ORIGIN_HEADER = "x-boxkite-origin";
/** The client's address, set by the listener in the same way. */
export const CLIENT_HEADER = "x-boxkite-client";

export function requestOrigin(context: HandlerContext): string {
  const origin = context.requestHeader.get(ORIGIN_HEADER);
  if (origin === null) throw new Error("the listener did not say by which origin the request came");
  return origin;
}
