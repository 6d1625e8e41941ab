import { opendirSync, rmdirSync, unlinkSync, type Dirent } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";

/** More than this is left to other threads, so that nothing else waits for it. */
const MOST_AT_ONCE = 100;

/**
 * Removes a directory with all that is in it; nothing where there is none. A small one by this thread: removed by others, each
 * of its files costs this one several calls.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    if (removeSmall(path, { left: MOST_AT_ONCE })) return;
  } catch {
    // What stands in the way, if it still does, is an error of the next call.
  }
  await rm(path, { recursive: true, force: true });
}

/** Whether all of it is gone. `entries`: that may be removed. */
function removeSmall(path: string, entries: { left: number }): boolean {
  for (const entry of entriesOf(path, entries)) {
    const below = join(path, entry.name);
    if (!entry.isDirectory()) unlinkSync(below);
    else if (!removeSmall(below, entries)) return false;
  }
  if (entries.left < 0) return false;
  rmdirSync(path);
  return true;
}

/** As many as may be removed: a directory may have millions. */
function entriesOf(path: string, entries: { left: number }): Dirent[] {
  const directory = opendirSync(path);
  try {
    const found: Dirent[] = [];
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      if (--entries.left < 0) break;
      found.push(entry);
    }
    return found;
  } finally {
    directory.closeSync();
  }
}
