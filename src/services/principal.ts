/** Who calls: found by the server's router, and passed to every handler. */
import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { Principal } from "../domain/principal.ts";

export const PRINCIPAL = createContextKey<Principal | undefined>(undefined, { description: "who calls" });

export function principalOf({ values }: Pick<HandlerContext, "values">): Principal {
  const by = values.get(PRINCIPAL);
  if (by === undefined) throw new Error("the router did not say who calls");
  return by;
}
