/** The origin by which a client reached us: what a URL made for it must start with. */
import type { HandlerContext } from "@connectrpc/connect";

/** Set by the listener from the request's own Host header. */
export const ORIGIN_HEADER = "x-boxkite-origin";

export function requestOrigin(context: HandlerContext): string {
  const origin = context.requestHeader.get(ORIGIN_HEADER);
  if (origin === null) throw new Error("the listener did not say by which origin the request came");
  return origin;
}
