/**
 * `a0-ts --worker MODE DIRECTORY [--concurrency N]`: a process that waits for attempts with all modules of the runtime
 * loaded. Loaded only where it is asked for.
 */
import { preload } from "./preload.ts";
import { takeOneAttempt } from "./one-shot.ts";
import { parseWorkerArguments } from "./worker-arguments.ts";

/**
 * `words`: those behind `--worker`. Resolves to the exit code; to undefined where this process has an attempt now, with
 * which it goes on as after a cold start. Throws UsageError.
 */
export async function serveAttempts(words: readonly string[]): Promise<number | undefined> {
  const { mode, directory, concurrency } = parseWorkerArguments(words);
  process.setSourceMapsEnabled(true);
  await preload();
  if (mode === "one_shot") return takeOneAttempt(directory);
  const { ResidentWorker } = await import("./resident-worker.ts");
  return new ResidentWorker({ directory, concurrency }).run();
}
