import { closeSync, fsync, openSync } from "node:fs";
import { promisify } from "node:util";
import { errnoOf } from "../../lib/errno.ts";

/** Resolves once the names in a directory are on disk. */
export type SyncDirectory = (path: string) => Promise<void>;

/**
 * A rename is durable only when its directory is synced. Many writers to one directory share a sync:
 * one that has not begun yet covers all that was renamed before it begins.
 */
export function createDirectorySync(): SyncDirectory {
  const waiting = new Map<string, Promise<void>>();
  const running = new Map<string, Promise<void>>();

  return (path) => {
    const joined = waiting.get(path);
    if (joined !== undefined) return joined;
    const mine = (running.get(path) ?? Promise.resolve())
      .catch(() => {})
      .then(async () => {
        waiting.delete(path);
        running.set(path, mine);
        try {
          await syncDirectory(path);
        } finally {
          if (running.get(path) === mine) running.delete(path);
        }
      });
    waiting.set(path, mine);
    return mine;
  };
}

const syncFile = promisify(fsync);

/** Only what waits for the disk is left to another thread: opening a directory that was just changed takes about 5 µs. */
async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = openSync(path, "r");
    try {
      await syncFile(directory);
    } finally {
      closeSync(directory);
    }
  } catch (error) {
    // Removed meanwhile, with the last object in it.
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
