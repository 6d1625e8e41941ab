/** Keeps the directory of bundles within its limits: what was not used for the longest time goes first. */
import { readdir, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { orAbsent } from "../lib/errno.ts";

/** In front of the name of what is not complete. */
export const UNFINISHED = ".unfinished-";

export interface CacheLimits {
  readonly bytes: number;
  readonly unusedMs: number;
}

export const CACHE_LIMITS: CacheLimits = { bytes: 2 * 1024 ** 3, unusedMs: 30 * 24 * 3_600_000 };
/** An attempt for which a bundle was prepared may not have begun to use it. */
const IN_USE_MS = 3_600_000;

/** The time of the last use is that of the directory's last change. */
export async function markUsed(path: string, clock: Clock): Promise<void> {
  const seconds = clock.now() / 1_000;
  await utimes(path, seconds, seconds);
}

/** `isMade`: whether this process is making it, by its name. */
export async function removeUnused(
  directory: string,
  clock: Clock,
  { bytes, unusedMs }: CacheLimits,
  isMade: (name: string) => boolean,
): Promise<void> {
  const names = (await orAbsent(readdir(directory))) ?? [];
  const left = names.filter((name) => name.startsWith(UNFINISHED) && !isMade(name));
  const bundles = await Promise.all(
    names
      .filter((name) => !name.startsWith(UNFINISHED))
      .map(async (name) => ({ name, ...(await measure(join(directory, name))) })),
  );
  const removed = left;
  let kept = 0;
  for (const { name, usedAt, size } of bundles.toSorted((a, b) => b.usedAt - a.usedAt)) {
    kept += size;
    const age = clock.now() - usedAt;
    if (age > unusedMs || (kept > bytes && age > IN_USE_MS)) removed.push(name);
  }
  await Promise.all(removed.map((name) => rm(join(directory, name), { recursive: true, force: true })));
}

async function measure(path: string): Promise<{ readonly usedAt: number; readonly size: number }> {
  const [own, names] = await Promise.all([
    orAbsent(stat(path)),
    orAbsent(readdir(path, { recursive: true })),
  ]);
  const files = await Promise.all((names ?? []).map((name) => orAbsent(stat(join(path, name)))));
  return {
    usedAt: own?.mtimeMs ?? 0,
    size: files.reduce((sum, file) => sum + (file?.isFile() === true ? file.size : 0), 0),
  };
}
