/**
 * An attempt's log for a page: the newest lines soon, no faster than a browser can show them. A log may have
 * gigabytes and grow faster than anybody reads, so lines that a page would drop at once are left out; the line
 * numbers show how many.
 */
import type { AttemptKey } from "../domain/attempt.ts";
import type { Clock } from "../lib/clock.ts";
import type { AttemptLogs, LogLine } from "../logs/attempt-logs.ts";

export interface LogBatch {
  /** Number of the first line, counted from 0. */
  readonly from: number;
  readonly lines: readonly LogLine[];
}

export interface FollowOptions {
  readonly fromLine: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Resolves when the client takes more. */
  readonly deliver: (batch: LogBatch) => Promise<void>;
}

/** Lines in one delivery. */
export const BATCH_LINES = 1_000;
/** Lines within this time are delivered together. */
const PAUSE_MS = 100;

/** Resolves with the number of the next line, once the log is closed or the signal aborts. */
export async function followLog(logs: AttemptLogs, key: AttemptKey, options: FollowOptions): Promise<number> {
  const { clock, signal, deliver } = options;
  let next = options.fromLine;
  let waiting: LogLine[] = [];
  let delivery: Promise<void> | undefined;

  const deliverWaiting = async (): Promise<void> => {
    await clock.sleep(PAUSE_MS, { signal }).catch(() => {});
    const lines = waiting.slice(-BATCH_LINES);
    waiting = [];
    if (lines.length > 0 && !signal.aborted) await deliver({ from: next - lines.length, lines });
    delivery = waiting.length > 0 && !signal.aborted ? deliverWaiting() : undefined;
    await delivery;
  };

  for await (const lines of logs.read(key, { fromLine: next, follow: true, signal })) {
    next += lines.length;
    waiting.push(...lines);
    if (waiting.length > 2 * BATCH_LINES) waiting = waiting.slice(-BATCH_LINES);
    delivery ??= deliverWaiting();
  }
  await delivery;
  return next;
}
