/** When to read a log that grows: once at first, and again after each change. */
import type { Clock } from "../lib/clock.ts";
import type { LogFileWriter } from "./log-file-writer.ts";

export interface FollowOptions {
  /**
   * Asked where nobody writes the log. An attempt that is not over will soon be watched by a server that has
   * just started, or is just starting it. Unset: it is over.
   */
  readonly isOver?: () => Promise<boolean>;
  readonly signal?: AbortSignal;
}

/** Between two checks whether the log of an attempt that is not over is written again. */
const TAKEN_UP_MS = 100;

/** Ends when the log is closed and the attempt over, or the signal aborts. */
export async function* logTurns(
  writer: () => LogFileWriter | undefined,
  options: FollowOptions,
  clock: Clock,
): AsyncIterable<void> {
  while (!options.signal?.aborted) {
    const open = writer();
    const left = new AbortController();
    // Listening starts before the read, so that nothing between is missed.
    const changed = open && nextChange(open, left.signal);
    const leave = () => left.abort();
    options.signal?.addEventListener("abort", leave, { once: true });
    try {
      const over = open === undefined && (options.isOver === undefined || (await options.isOver()));
      yield;
      // Nobody writes any more, and that was checked before the read: all of it was read.
      if (over || options.signal?.aborted) return;
      await (changed ?? clock.sleep(TAKEN_UP_MS, { signal: left.signal }).catch(() => {}));
    } finally {
      options.signal?.removeEventListener("abort", leave);
      leave();
    }
  }
}

/** Resolves at the next line, at the end, or when the reader leaves. */
function nextChange(log: LogFileWriter, left: AbortSignal): Promise<void> {
  if (log.closed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      log.changed.off("change", done);
      left.removeEventListener("abort", done);
      resolve();
    };
    log.changed.on("change", done);
    left.addEventListener("abort", done, { once: true });
  });
}
