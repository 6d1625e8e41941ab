/**
 * Notices changes in an attempt's directory, so that an attempt that does nothing costs nothing.
 * The system's notice is only a wake-up: there may be none (no descriptor is free, a network disk), so the
 * state is read from time to time in any case.
 */
import { watch, type FSWatcher } from "node:fs";
import type { Wakeup } from "../wakeup.ts";

/** What a process writes; the rest of the directory is our own. */
const OUTPUT = new Set(["stdout", "stderr"]);

/** Gives a wake-up at each change. Returns a function that stops that. */
export function watchDirectory(directory: string, wakeup: Wakeup): () => void {
  let watcher: FSWatcher;
  try {
    watcher = watch(directory, { persistent: false }, (_, name) => {
      if (name === null || OUTPUT.has(name)) wakeup.notify("check");
      else if (name === "exit") wakeup.notify("ended");
    });
  } catch {
    return () => {};
  }
  watcher.on("error", () => watcher.close());
  return () => watcher.close();
}
