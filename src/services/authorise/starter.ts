/**
 * What a token needs to have started the run for, besides its role. A task acts with the rights of the one who started its
 * run: whoever could add an action to the run of somebody else, or replace the code or the inputs that it runs with, would
 * have the rights of that person.
 */
import { isAdminOfAll } from "../../domain/access-token.ts";
import type { RunKey } from "../../domain/ids.ts";
import { runFolderOf, SERVER_FOLDERS } from "../../orchestrator/paths.ts";
import type { StoreReader } from "../../store/reader.ts";
import type { Resource, Right } from "../access.ts";
import { denied } from "./refusals.ts";
import type { TokenReader } from "./token.ts";

interface StarterOptions {
  readonly store: Pick<StoreReader, "getRun">;
  readonly tokens: TokenReader;
}

/** Throws PERMISSION_DENIED; not for an action of a run that does not exist. */
export async function requireStarter(
  options: StarterOptions,
  id: string,
  right: Right,
  resource: Resource,
): Promise<void> {
  if (await isFree(options, id, right, resource)) return;
  const { name = id, grants = [] } = (await options.tokens.find(id)) ?? {};
  if (grants.some(isAdminOfAll)) return;
  throw denied(`token ${name}`, right, resource, resource.kind === "child" ? OWN_ACTIONS : OWN_OBJECTS);
}

async function isFree(
  { store }: StarterOptions,
  id: string,
  right: Right,
  resource: Resource,
): Promise<boolean> {
  const started = async (run: RunKey) => {
    const authority = (await store.getRun(run))?.authority;
    return authority && authority.kind === "token" && authority.id === id;
  };
  if (resource.kind === "child") return (await started(resource.key)) !== false;
  if (resource.kind !== "object" || right === "read" || !isOfServer(resource.key)) return true;
  const run = runFolderOf(resource.key)?.run;
  return run !== undefined && (await started(run)) === true;
}

/** What the server and tasks store, and clients by links only: `runs`, `uploads` and `inputs` of a project and domain. */
function isOfServer(key: string): boolean {
  const [, , folder = ""] = key.split("/");
  return SERVER_FOLDERS.includes(folder);
}

const OWN_ACTIONS =
  "the tasks of a run have the rights of the one who started it, so only they and an admin of everything add actions to it; start a run of your own";
const OWN_OBJECTS =
  "what is there runs with the rights of others; write to a folder of your own beside it, or upload as flyte does";
