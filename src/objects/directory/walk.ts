/** Keys in byte order, read from the directories only as far as they are asked for. */
import type { ListPosition } from "../hosted-store.ts";
import { compareKeys } from "./key-order.ts";
import { directoryPath, readEntries } from "./key-path.ts";
import { describeObjectFile, type Description } from "./object-file.ts";

export interface FoundKey {
  readonly key: string;
  /** Undefined for an object that is there no longer; fails with OBJECT_DAMAGED. */
  readonly describe: () => Promise<Description | undefined>;
}

export interface Walk {
  readonly prefix: string;
  readonly after?: ListPosition | undefined;
  /** The consumer may set this between keys: further ones that start with it are skipped. */
  skip?: string;
}

export function walkKeys(root: string, walk: Walk): AsyncGenerator<FoundKey> {
  const base = walk.prefix.slice(0, walk.prefix.lastIndexOf("/") + 1);
  return walkDirectory(directoryPath(root, base), base, walk);
}

async function* walkDirectory(directory: string, base: string, walk: Walk): AsyncGenerator<FoundKey> {
  // A directory's keys all begin with its name and a slash, so it is sorted by that.
  const entries = (await readEntries(directory))
    .map((entry) => ({ ...entry, key: base + entry.name + (entry.isDirectory ? "/" : "") }))
    .filter(({ key, isDirectory }) => isWanted(key, isDirectory, walk))
    .sort((a, b) => compareKeys(a.key, b.key));
  for (const { key, path, isDirectory } of entries) {
    if (walk.skip !== undefined && key.startsWith(walk.skip)) continue;
    if (isDirectory) yield* walkDirectory(path, key, walk);
    else yield { key, describe: () => describeObjectFile(path, key) };
  }
}

/** Of a directory: whether keys in it may be. */
export function isWanted(key: string, isDirectory: boolean, { prefix, after }: Walk): boolean {
  if (!key.startsWith(prefix) && !(isDirectory && prefix.startsWith(key))) return false;
  if (after === undefined) return true;
  if (after.wholePrefix && key.startsWith(after.key)) return false;
  if (isDirectory && after.key.startsWith(key)) return true;
  return compareKeys(key, after.key) > 0;
}
