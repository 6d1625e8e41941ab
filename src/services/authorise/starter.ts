/**
 * Who adds an action to a run, besides its own tasks. A task acts with the rights of the one who started its run, so
 * whoever could add one to the run of somebody else would have the rights of that person.
 */
import { isAdminOfAll } from "../../domain/access-token.ts";
import type { StoreReader } from "../../store/reader.ts";
import type { Resource } from "../access.ts";
import { denied } from "./refusals.ts";
import type { TokenReader } from "./token.ts";

/** Throws PERMISSION_DENIED for a run that the token did not start; not for one that does not exist. */
export async function requireStarter(
  { store, tokens }: { readonly store: Pick<StoreReader, "getRun">; readonly tokens: TokenReader },
  id: string,
  child: Extract<Resource, { kind: "child" }>,
): Promise<void> {
  const authority = (await store.getRun(child.key))?.authority;
  if (authority === undefined || (authority.kind === "token" && authority.id === id)) return;
  const { name = id, grants = [] } = (await tokens.find(id)) ?? {};
  if (grants.some(isAdminOfAll)) return;
  throw denied(`token ${name}`, "create", child, HINT);
}

const HINT =
  "the tasks of a run have the rights of the one who started it, so only they and an admin of everything add actions to it; start a run of your own";
