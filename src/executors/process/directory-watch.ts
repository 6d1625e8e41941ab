/**
 * Tells when something changed in an attempt's directory, so that an attempt that does nothing costs nothing.
 * The system's notice is only a hint: there may be none (no descriptor is free, a network disk), so everyone
 * looks from time to time in any case.
 */
import { watch, type FSWatcher } from "node:fs";
import type { Hint } from "../hint.ts";

/** What a process writes; the rest of the directory is our own. */
const OUTPUT = new Set(["stdout", "stderr"]);

/** Gives a hint at each change. Returns the way to stop that. */
export function watchDirectory(directory: string, hint: Hint): () => void {
  let watcher: FSWatcher;
  try {
    watcher = watch(directory, { persistent: false }, (_, name) => {
      if (name === null || OUTPUT.has(name)) hint.give("look");
      else if (name === "exit") hint.give("ended");
    });
  } catch {
    return () => {};
  }
  watcher.on("error", () => watcher.close());
  return () => watcher.close();
}
