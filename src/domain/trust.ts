/** For whom the server connects to any address, its own machine's and private ones included (lib/egress.ts). */
import type { Principal } from "./principal.ts";
import type { NewRun } from "./run.ts";

/** Who works at this machine, and the server itself; no task, and nobody who has a token. */
export function isTrustedCaller({ identity }: Pick<Principal, "identity">): boolean {
  return identity.kind === "everyone";
}

/** Its root and all of its actions; what a task has started is not. */
export function isTrustedRun({ authority, settings }: Pick<NewRun, "authority" | "settings">): boolean {
  return authority.kind === "everyone" && settings.spawnedBy === undefined;
}
