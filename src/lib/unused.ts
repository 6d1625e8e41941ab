/**
 * Files and directories that can be made again: the time of their last change is that of their last use, and what is
 * unused for long is removed. Several processes may do so in one directory.
 */
import { readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "./clock.ts";
import { errnoOf, orAbsent } from "./errno.ts";

/** A use is recorded at most so often: times of last use may be too old by this. */
export const MARK_EVERY_MS = 3_600_000;
const UNUSED_MS = 30 * 24 * 3_600_000;
const REMOVED = ".removed";

/** A path that is not there, and one that may not be changed, stay as they are. */
export async function markUsed(path: string, clock: Clock): Promise<void> {
  await ifPermitted(async () => {
    const { mtimeMs } = await stat(path);
    if (clock.now() - mtimeMs < MARK_EVERY_MS) return;
    const seconds = clock.now() / 1_000;
    await utimes(path, seconds, seconds);
  });
}

export interface UnusedOptions {
  readonly isKept?: (name: string) => boolean;
  /** @default 30 days */
  readonly unusedMs?: number;
  /** Of everything that is not kept: beyond it what was not used for the longest time goes first. */
  readonly bytes?: number;
  /** What was used since then stays, however large all is; more than MARK_EVERY_MS. */
  readonly inUseMs?: number;
}

/** Of what is in `parent`. What may not be removed stays. */
export async function removeUnused(parent: string, clock: Clock, options: UnusedOptions = {}): Promise<void> {
  const { isKept = () => false, unusedMs = UNUSED_MS, bytes = Infinity, inUseMs = 0 } = options;
  const names = ((await orAbsent(readdir(parent))) ?? []).filter((name) => !isKept(name));
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(parent, name);
      return { path, usedAt: await usedAtOf(path), size: bytes === Infinity ? 0 : await sizeOf(path) };
    }),
  );
  let kept = 0;
  for (const { path, usedAt, size } of found.toSorted((a, b) => b.usedAt - a.usedAt)) {
    kept += size;
    const age = clock.now() - usedAt;
    const isUnused = age > unusedMs || (kept > bytes && age > inUseMs);
    if (isUnused || path.endsWith(REMOVED)) await ifPermitted(() => remove(path));
  }
}

/** What is there under its name is whole. */
async function remove(path: string): Promise<void> {
  const removed = path.endsWith(REMOVED) ? path : `${path}${REMOVED}`;
  if (removed !== path) await rename(path, removed);
  await rm(removed, { recursive: true, force: true });
}

/** What is gone meanwhile is not removed. */
async function usedAtOf(path: string): Promise<number> {
  return (await orAbsent(stat(path)))?.mtimeMs ?? Infinity;
}

/** Of its files, in bytes. */
async function sizeOf(path: string): Promise<number> {
  // With types, since without them links to directories are followed: to each other, again and again.
  const entries = (await orAbsent(readdir(path, { recursive: true, withFileTypes: true }))) ?? [];
  const files = entries.filter((entry) => entry.isFile());
  const found = await Promise.all(
    files.map(({ parentPath, name }) => orAbsent(stat(join(parentPath, name)))),
  );
  return found.reduce((sum, file) => sum + (file?.size ?? 0), 0);
}

/** A directory that was copied to this machine may belong to another user, and its disk may be read-only. */
async function ifPermitted(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!["ENOENT", "EPERM", "EACCES", "EROFS"].includes(errnoOf(error) ?? "")) throw error;
  }
}
