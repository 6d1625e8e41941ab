/**
 * The output of attempts, one file each: a line is `<milliseconds> <o|e|s> <text>`, in the order in
 * which it arrived. Files are followed while they grow and stay after the end. An attempt that writes nothing has none: whether it
 * has run, its record says (domain/attempt.ts).
 */
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { AttemptKey } from "../domain/attempt.ts";
import type { RunKey } from "../domain/ids.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { orAbsent } from "../lib/errno.ts";
import { followEnd } from "./log-end.ts";
import { readLog, type ReadOptions } from "./log-file-reader.ts";
import { LogFileWriter, type AttemptLog } from "./log-file-writer.ts";
import type { LogLine } from "./log-line.ts";
import { readPart, type LogPart, type LogRange } from "./log-part.ts";
import type { FollowOptions } from "./log-turns.ts";

export type { AttemptLog } from "./log-file-writer.ts";
export type { ReadOptions } from "./log-file-reader.ts";
export type { LogLine } from "./log-line.ts";
export { LOG_END, type LogPart, type LogRange, type PositionedLine } from "./log-part.ts";

export interface AttemptLogs {
  /** Opens the log of an attempt for writing; an existing one is continued. */
  open(key: AttemptKey): Promise<AttemptLog>;
  /** Whether it is being written, or has lines. */
  exists(key: AttemptKey): Promise<boolean>;
  /**
   * Lines from the first (counted from 0) in batches. With `follow`, waits for more until the log is
   * closed and the attempt over, or the signal aborts. None where there is no log.
   */
  read(key: AttemptKey, options: ReadOptions): AsyncIterable<readonly LogLine[]>;
  /** A contiguous part, at a cost that does not depend on the log's length; undefined where there is no log. */
  readPart(key: AttemptKey, range: LogRange): Promise<LogPart | undefined>;
  /**
   * The lines after a position, and those that come later, until the log is closed and the attempt over, or the
   * signal aborts. Who is slower than the log gets its end: then a part does not begin where the one before it ended.
   */
  followEnd(key: AttemptKey, after: number, options: FollowOptions): AsyncIterable<LogPart>;
  /** Of a run whose attempts have ended. */
  removeRun(run: RunKey): Promise<void>;
}

export interface AttemptLogsOptions {
  /** Kept of one attempt; what comes after is counted and dropped, and the log says so. */
  readonly maxBytes?: number | undefined;
  readonly clock?: Clock;
}

export const DEFAULT_MAX_LOG_BYTES = 256 * 1024 * 1024;

/** Of a log that is being written and has no line yet. */
const NO_LINES: LogPart = { lines: [], start: 0, end: 0, isEnd: true, size: 0 };

export function createAttemptLogs(
  directory: string,
  { maxBytes = DEFAULT_MAX_LOG_BYTES, clock = systemClock }: AttemptLogsOptions = {},
): AttemptLogs {
  const writers = new Map<string, LogFileWriter>();
  const directoryOf = (run: RunKey) => join(directory, run.project, run.domain, run.run);
  const fileOf = (key: AttemptKey) => join(directoryOf(key), key.action, `${key.attempt}.log`);

  return {
    open: async (key) => {
      const file = fileOf(key);
      const known = writers.get(file);
      if (known) return known;
      const log = new LogFileWriter(file, maxBytes, () => writers.delete(file));
      writers.set(file, log);
      return log;
    },
    exists: async (key) => {
      const file = fileOf(key);
      return writers.has(file) || (await orAbsent(stat(file))) !== undefined;
    },
    removeRun: (run) => rm(directoryOf(run), { recursive: true, force: true }),
    readPart: async (key, range) => {
      const file = fileOf(key);
      return (await readPart(file, range)) ?? (writers.has(file) ? NO_LINES : undefined);
    },
    followEnd: (key, after, options) =>
      followEnd(fileOf(key), () => writers.get(fileOf(key)), after, options, clock),
    read: (key, options) => readLog(fileOf(key), () => writers.get(fileOf(key)), options, clock),
  };
}
