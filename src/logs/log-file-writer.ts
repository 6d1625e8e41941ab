/** Appends to the log file of one attempt, and notifies those who follow it. */
import { EventEmitter } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { open } from "node:fs/promises";
import type { LogSink } from "../domain/attempt.ts";
import { formatLine, parseLine, type LogStreamName } from "./log-line.ts";

/** What an attempt's log is written by. */
export interface AttemptLog extends LogSink {
  /** Resolves when everything written so far is in the file. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const WRITE_BYTES = 64 * 1024;

export class LogFileWriter implements AttemptLog {
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
    const bytes = Buffer.from(formatLine({ atMs, stream, text: line }));
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
    this.#append(Buffer.from(formatLine({ atMs: this.lastAtMs ?? 0, stream: "system", text })));
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
export async function endOf(file: string): Promise<{ size: number; lastAtMs: number | undefined }> {
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
