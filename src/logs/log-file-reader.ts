/** Reads the log file of one attempt, whole or from a line on, and follows it while it grows. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Clock } from "../lib/clock.ts";
import { orAbsent } from "../lib/errno.ts";
import type { LogFileWriter } from "./log-file-writer.ts";
import { parseLine, type LogLine } from "./log-line.ts";
import { logTurns, type FollowOptions } from "./log-turns.ts";

export interface ReadOptions extends FollowOptions {
  readonly fromLine?: number;
  readonly follow?: boolean;
}

const BATCH_LINES = 500;
const LINE_FEED = 0x0a;

export async function* readLog(
  file: string,
  writer: () => LogFileWriter | undefined,
  options: ReadOptions,
  clock: Clock,
): AsyncIterable<readonly LogLine[]> {
  let skip = options.fromLine ?? 0;
  let offset = 0;
  for await (const _ of options.follow ? logTurns(writer, options, clock) : [undefined]) {
    for await (const batch of linesFrom(file, offset)) {
      offset = batch.end;
      const lines = batch.lines.slice(skip);
      skip = Math.max(0, skip - batch.lines.length);
      if (lines.length > 0) yield lines;
      if (options.signal?.aborted) return;
    }
  }
}

/**
 * Whole lines only, with the offset behind the last one of each batch. Cut at the line feed and nowhere else:
 * what a progress bar writes between carriage returns is one line.
 */
async function* linesFrom(file: string, start: number): AsyncIterable<{ lines: LogLine[]; end: number }> {
  const { size = 0 } = (await orAbsent(stat(file))) ?? {};
  if (size <= start) return;
  let end = start;
  let lines: LogLine[] = [];
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { start, end: size - 1 }) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, from)) {
      const line = parseLine(bytes.toString("utf8", from, at));
      end += at + 1 - from;
      from = at + 1;
      if (line) lines.push(line);
      if (lines.length < BATCH_LINES) continue;
      yield { lines, end };
      lines = [];
    }
    // The writer may be in the middle of the last one; the next read finds it whole.
    rest = bytes.subarray(from);
  }
  yield { lines, end };
}
