import { lstatSync, opendirSync, rmdirSync, unlinkSync, type Dirent } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";

/** More than this is left to other threads, so that nothing else waits for it. */
const MOST_AT_ONCE = 100;
/** So much is freed by this thread: each MB of a file takes a tenth of a millisecond. */
export const FREED_AT_ONCE_BYTES = 4 << 20;

interface Rest {
  entries: number;
  bytes: number;
}

/**
 * Removes a directory with all that is in it; nothing where there is none. A small one by this thread: removed by others, each
 * of its files costs this one several calls.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    if (removeSmall(path, { entries: MOST_AT_ONCE, bytes: FREED_AT_ONCE_BYTES })) return;
  } catch {
    // What stands in the way, if it still does, is an error of the next call.
  }
  await rm(path, { recursive: true, force: true });
}

/** Whether all of it is gone. `rest`: what may still be removed. */
function removeSmall(path: string, rest: Rest): boolean {
  for (const entry of entriesOf(path, rest)) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) {
      if (!removeSmall(below, rest)) return false;
    } else {
      rest.bytes -= lstatSync(below).size;
      if (rest.bytes < 0) return false;
      unlinkSync(below);
    }
  }
  if (rest.entries < 0) return false;
  rmdirSync(path);
  return true;
}

/** As many as may be removed: a directory may have millions. */
function entriesOf(path: string, rest: Rest): Dirent[] {
  const directory = opendirSync(path);
  try {
    const found: Dirent[] = [];
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      if (--rest.entries < 0) break;
      found.push(entry);
    }
    return found;
  } finally {
    directory.closeSync();
  }
}
