/**
 * Removes what earlier versions and images left. Containers may have it mounted, also those of a server that ended, so
 * it stays until nobody has started one with it for a month.
 */
import { readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { errnoOf, orAbsent } from "../lib/errno.ts";

const UNUSED_MS = 30 * 24 * 3_600_000;
const REMOVED = ".removed";

/** The time of its last use is that of the directory's last change. */
export async function markUsed(path: string, clock: Clock): Promise<void> {
  const seconds = clock.now() / 1_000;
  try {
    await utimes(path, seconds, seconds);
  } catch (error) {
    // A directory that was copied to a machine may belong to another user.
    if (!["ENOENT", "EPERM", "EACCES", "EROFS"].includes(errnoOf(error) ?? "")) throw error;
  }
}

/** Of the files and directories in `parent` those that are not kept. */
export async function removeUnused(
  parent: string,
  clock: Clock,
  isKept: (name: string) => boolean,
): Promise<void> {
  for (const name of (await orAbsent(readdir(parent))) ?? []) {
    const path = join(parent, name);
    const { mtimeMs = Infinity } = (await orAbsent(stat(path))) ?? {};
    if (isKept(name) || mtimeMs >= clock.now() - UNUSED_MS) continue;
    // What is there under its name is whole.
    const removed = name.endsWith(REMOVED) ? path : `${path}${REMOVED}`;
    if (removed !== path) await orAbsent(rename(path, removed));
    await rm(removed, { recursive: true, force: true });
  }
}
