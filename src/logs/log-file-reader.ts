/** Reads the log file of one attempt, and follows it while it grows. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Clock } from "../lib/clock.ts";
import type { LogFileWriter } from "./log-file-writer.ts";
import { parseLine, type LogLine } from "./log-line.ts";

export interface ReadOptions {
  readonly fromLine?: number;
  readonly follow?: boolean;
  /**
   * Asked where nobody writes the log. An attempt that is not over will soon be watched by a server that has
   * just started, or is just starting it. Unset: it is over.
   */
  readonly isOver?: () => Promise<boolean>;
  readonly signal?: AbortSignal;
}

const BATCH_LINES = 500;
const LINE_FEED = 0x0a;
/** Between two checks whether the log of an attempt that is not over is written again. */
const TAKEN_UP_MS = 100;

export async function* readLog(
  file: string,
  writer: () => LogFileWriter | undefined,
  options: ReadOptions,
  clock: Clock,
): AsyncIterable<readonly LogLine[]> {
  let skip = options.fromLine ?? 0;
  let offset = 0;
  for (;;) {
    const open = writer();
    const left = new AbortController();
    // Listening starts before the read, so that nothing between is missed.
    const changed = open && options.follow ? nextChange(open, left.signal) : undefined;
    const leave = () => left.abort();
    options.signal?.addEventListener("abort", leave, { once: true });
    try {
      const over = open === undefined && (options.isOver === undefined || (await options.isOver()));
      for await (const batch of linesFrom(file, offset)) {
        offset = batch.end;
        const lines = batch.lines.slice(skip);
        skip = Math.max(0, skip - batch.lines.length);
        if (lines.length > 0) yield lines;
        if (options.signal?.aborted) return;
      }
      if (!options.follow || options.signal?.aborted) return;
      // Nobody writes any more, and that was checked before the read: all of it was read.
      if (over) return;
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

/**
 * Whole lines only, with the offset behind the last one of each batch. Cut at the line feed and nowhere else:
 * what a progress bar writes between carriage returns is one line.
 */
async function* linesFrom(file: string, start: number): AsyncIterable<{ lines: LogLine[]; end: number }> {
  const { size } = await stat(file);
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
