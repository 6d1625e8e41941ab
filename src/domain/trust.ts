/** For whom the server connects to any address, its own machine's and private ones included (lib/egress.ts). */
import type { Principal } from "./principal.ts";
import type { NewRun } from "./run.ts";

/** Who works at this machine, and the server itself; no task, and nobody who has a token. */
export function isTrustedCaller({ identity }: Pick<Principal, "identity">): boolean {
  return identity.kind === "everyone";
}

/**
 * Its images, also those of its children, and the notifications of its end. What a task has started is not trusted, nor
 * are the webhooks that its tasks ask for: those send what a task likes to an address that it makes up. An image is only
 * asked for by its name, as a registry is asked, and most are named in the program that the run was started with; a
 * registry on localhost is usual there.
 */
export function isTrustedRun({ authority, settings }: Pick<NewRun, "authority" | "settings">): boolean {
  return authority.kind === "everyone" && settings.spawnedBy === undefined;
}
