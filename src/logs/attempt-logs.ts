/**
 * The output of attempts, one file each: a line is `<milliseconds> <o|e|s> <text>`, in the order in
 * which it arrived. Files are followed while they grow and stay after the end.
 */
import { EventEmitter } from "node:events";
import { createReadStream, createWriteStream, type WriteStream } from "node:fs";
import { mkdir, open, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { AttemptKey, LogSink } from "../domain/attempt.ts";
import type { RunKey } from "../domain/ids.ts";
import { systemClock, type Clock } from "../lib/clock.ts";

export type LogStreamName = "stdout" | "stderr" | "system";

export interface LogLine {
  readonly atMs: number;
  readonly stream: LogStreamName;
  readonly text: string;
}

export interface AttemptLog extends LogSink {
  /** Resolves when everything written so far is in the file. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface AttemptLogs {
  /** Opens the log of an attempt for writing; an existing one is continued. */
  open(key: AttemptKey): Promise<AttemptLog>;
  exists(key: AttemptKey): Promise<boolean>;
  /**
   * Lines from the first (counted from 0) in batches. With `follow`, waits for more until the log is
   * closed and the attempt over, or the signal aborts.
   */
  read(key: AttemptKey, options: ReadOptions): AsyncIterable<readonly LogLine[]>;
  /** Of a run whose attempts have ended. */
  removeRun(run: RunKey): Promise<void>;
}

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

export interface AttemptLogsOptions {
  /** Kept of one attempt; what comes after is counted and dropped, and the log says so. */
  readonly maxBytes?: number | undefined;
  readonly clock?: Clock;
}

export const DEFAULT_MAX_LOG_BYTES = 256 * 1024 * 1024;
const BATCH_LINES = 500;
const WRITE_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;
/** Between two checks whether the log of an attempt that is not over is written again. */
const TAKEN_UP_MS = 100;
const CODES = { stdout: "o", stderr: "e", system: "s" } as const;
const NAMES: Readonly<Record<string, LogStreamName>> = { o: "stdout", e: "stderr", s: "system" };

export function createAttemptLogs(
  directory: string,
  { maxBytes = DEFAULT_MAX_LOG_BYTES, clock = systemClock }: AttemptLogsOptions = {},
): AttemptLogs {
  const writers = new Map<string, OpenLog>();
  const directoryOf = (run: RunKey) => join(directory, run.project, run.domain, run.run);
  const fileOf = (key: AttemptKey) => join(directoryOf(key), key.action, `${key.attempt}.log`);

  return {
    open: async (key) => {
      const file = fileOf(key);
      const known = writers.get(file);
      if (known) return known;
      await mkdir(dirname(file), { recursive: true });
      const { size, lastAtMs } = await endOf(file);
      const log = new OpenLog(file, size, lastAtMs, maxBytes, () => writers.delete(file));
      writers.set(file, log);
      return log;
    },
    exists: async (key) => {
      const file = fileOf(key);
      return writers.has(file) || (await stat(file).catch(() => undefined)) !== undefined;
    },
    removeRun: (run) => rm(directoryOf(run), { recursive: true, force: true }),
    read: (key, options) => readLog(fileOf(key), () => writers.get(fileOf(key)), options, clock),
  };
}

class OpenLog implements AttemptLog {
  readonly changed = new EventEmitter<{ change: [] }>();
  lastAtMs: number | undefined;
  closed = false;
  #size: number;
  #dropped = 0;
  #unwritten = 0;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #stream: WriteStream;
  readonly #file: string;
  readonly #maxBytes: number;
  readonly #onClose: () => void;

  constructor(
    file: string,
    size: number,
    lastAtMs: number | undefined,
    maxBytes: number,
    onClose: () => void,
  ) {
    this.changed.setMaxListeners(0);
    this.#size = size;
    this.lastAtMs = lastAtMs;
    this.#maxBytes = maxBytes;
    this.#onClose = onClose;
    this.#file = file;
    this.#stream = appendTo(file);
  }

  write(stream: LogStreamName, line: string, atMs: number): void {
    if (this.closed) return;
    const bytes = Buffer.from(`${Math.trunc(atMs)} ${CODES[stream]} ${line.replaceAll("\n", "\\n")}\n`);
    if (this.#size + bytes.length > this.#maxBytes) {
      this.#dropped++;
      return;
    }
    this.#append(bytes);
    // Where the attempt's own output goes on after a restart; the server's own lines do not count.
    if (stream !== "system") this.lastAtMs = atMs;
  }

  /** Lines of one turn of the event loop, or of 64 KiB, are one write and one wake-up of those who follow. */
  #append(bytes: Buffer): void {
    this.#size += bytes.length;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= WRITE_BYTES) this.#writePending();
    else if (this.#pending.length === 1) setImmediate(() => this.#writePending());
  }

  #writePending(): void {
    if (this.#pending.length === 0 || this.#stream.writableEnded) return;
    const chunk = Buffer.concat(this.#pending, this.#pendingBytes);
    const lines = this.#pending.length;
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#stream.errored) {
      // The disk may have space again. The line at which it ended may be half written.
      this.#stream = appendTo(this.#file);
      this.#stream.write("\n");
    }
    this.#stream.write(chunk, (error) => {
      if (error) {
        this.#unwritten += lines;
        this.#size -= chunk.length;
      }
      this.changed.emit("change");
    });
  }

  #note(text: string): void {
    this.#append(Buffer.from(`${this.lastAtMs ?? 0} s ${text}\n`));
  }

  flush(): Promise<void> {
    this.#writePending();
    return new Promise((resolve) => {
      if (this.#stream.closed || this.#stream.errored) resolve();
      else this.#stream.write("", () => resolve());
    });
  }

  async close(): Promise<void> {
    if (this.closed) return;
    await this.flush();
    if (this.#unwritten > 0) this.#note(`${this.#unwritten} lines could not be written: is the disk full?`);
    if (this.#dropped > 0)
      this.#note(`${this.#dropped} more lines were dropped: a log keeps ${this.#maxBytes} bytes`);
    this.#writePending();
    this.closed = true;
    await new Promise<void>((resolve) => this.#stream.end(resolve));
    this.#onClose();
    this.changed.emit("change");
  }
}

/** A full disk must not take the server down: the lines are counted, and the attempt goes on. */
function appendTo(file: string): WriteStream {
  return createWriteStream(file, { flags: "a" }).on("error", () => {});
}

/** Size of a log and the time of its last line; a half-written last line is cut off by a line end. */
async function endOf(file: string): Promise<{ size: number; lastAtMs: number | undefined }> {
  const handle = await open(file, "a+");
  try {
    const { size } = await handle.stat();
    if (size === 0) return { size, lastAtMs: undefined };
    const tail = Buffer.alloc(Math.min(size, 64 * 1024));
    await handle.read(tail, 0, tail.length, size - tail.length);
    const lines = tail.toString("utf8").split("\n");
    const unfinished = lines.pop() !== "";
    if (unfinished) await handle.appendFile("\n");
    const own = lines.map(parseLine).filter((line) => line !== undefined && line.stream !== "system");
    return { size: size + (unfinished ? 1 : 0), lastAtMs: own.at(-1)?.atMs };
  } finally {
    await handle.close();
  }
}

async function* readLog(
  file: string,
  writer: () => OpenLog | undefined,
  options: ReadOptions,
  clock: Clock,
): AsyncIterable<readonly LogLine[]> {
  let skip = options.fromLine ?? 0;
  let offset = 0;
  for (;;) {
    const open = writer();
    const changed = open && nextChange(open, options.signal);
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
    await (changed ?? clock.sleep(TAKEN_UP_MS, { signal: options.signal }).catch(() => {}));
  }
}

/** Resolves at the next line or at the end; listening starts now, so nothing between is missed. */
function nextChange(log: OpenLog, signal: AbortSignal | undefined): Promise<void> {
  if (log.closed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      log.changed.off("change", done);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    log.changed.on("change", done);
    signal?.addEventListener("abort", done, { once: true });
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

function parseLine(text: string): LogLine | undefined {
  const match = /^(\d+) ([oes]) (.*)$/su.exec(text);
  if (!match) return undefined;
  return {
    atMs: Number(match[1]),
    stream: NAMES[match[2] as string] as LogStreamName,
    text: match[3] as string,
  };
}
