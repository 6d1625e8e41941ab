/** Appends to the log file of one attempt, and notifies those who follow it. */
import { EventEmitter } from "node:events";
import { closeSync, fstatSync, mkdirSync, openSync, readSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { LogSink } from "../domain/attempt.ts";
import { SMALL_BYTES, writeAtOnce, writeFully } from "../lib/write-fully.ts";
import { formatLine, parseLine, type LogStreamName } from "./log-line.ts";

/** What an attempt's log is written by. */
export interface AttemptLog extends LogSink {
  /** Resolves when everything written so far is in the file. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const WRITE_BYTES = 64 * 1024;
/** Of the end of a log, where its last line is looked for. */
const TAIL_BYTES = 64 * 1024;

export class LogFileWriter implements AttemptLog {
  readonly changed = new EventEmitter<{ change: [] }>();
  lastAtMs: number | undefined;
  closed = false;
  #size = 0;
  #isNew: boolean;
  #dropped = 0;
  #unwritten = 0;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Undefined before the first line of a new log, and after a write that failed. */
  #descriptor: number | undefined;
  /** A large write that is under way; never rejects. */
  #writing: Promise<void> | undefined;
  readonly #file: string;
  readonly #maxBytes: number;
  readonly #onClose: () => void;

  /**
   * A log that is there is continued: a half-written last line is cut off by a line end. A new one has no file before its first
   * line, as many attempts write none. Throws what opening it throws.
   */
  constructor(file: string, maxBytes: number, onClose: () => void) {
    this.changed.setMaxListeners(0);
    this.#file = file;
    this.#maxBytes = maxBytes;
    this.#onClose = onClose;
    this.#isNew = statSync(file, { throwIfNoEntry: false }) === undefined;
    if (this.#isNew) return;
    this.#descriptor = openSync(file, "a+");
    try {
      const { size, lastAtMs, isCut } = endOf(this.#descriptor);
      this.#size = size;
      this.lastAtMs = lastAtMs;
      if (isCut) this.#size += writeSync(this.#descriptor, "\n");
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
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
    if (this.#pending.length === 0 || this.#writing !== undefined) return;
    const chunk = Buffer.concat(this.#pending, this.#pendingBytes);
    const lines = this.#pending.length;
    this.#pending = [];
    this.#pendingBytes = 0;
    try {
      this.#descriptor ??= this.#isNew ? this.#create() : this.#openAgain();
      if (chunk.length > SMALL_BYTES) {
        this.#writing = this.#writeLarge(this.#descriptor, chunk, lines);
        return;
      }
      writeAtOnce(this.#descriptor, chunk);
    } catch {
      this.#failed(chunk, lines);
    }
    this.changed.emit("change");
  }

  async #writeLarge(descriptor: number, chunk: Buffer, lines: number): Promise<void> {
    try {
      await writeFully(descriptor, chunk);
    } catch {
      this.#failed(chunk, lines);
    }
    this.#writing = undefined;
    this.changed.emit("change");
    this.#writePending();
  }

  /** A full disk must not take the server down: the lines are counted, and the attempt goes on. */
  #failed(chunk: Buffer, lines: number): void {
    this.#unwritten += lines;
    this.#size -= chunk.length;
    this.#closeFile();
  }

  /** Some file systems report only here that a write failed: there is nobody left who could do it again. */
  #closeFile(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor === undefined) return;
    try {
      closeSync(descriptor);
    } catch {
      // It is closed nevertheless.
    }
  }

  #create(): number {
    mkdirSync(dirname(this.#file), { recursive: true });
    const descriptor = openSync(this.#file, "a");
    this.#isNew = false;
    return descriptor;
  }

  /** The disk may have space again. The line at which it ended may be half written. */
  #openAgain(): number {
    const descriptor = openSync(this.#file, "a");
    try {
      writeSync(descriptor, "\n");
      return descriptor;
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  #note(text: string): void {
    this.#append(Buffer.from(formatLine({ atMs: this.lastAtMs ?? 0, stream: "system", text })));
  }

  async flush(): Promise<void> {
    this.#writePending();
    while (this.#writing !== undefined) await this.#writing;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    await this.flush();
    if (this.#unwritten > 0) this.#note(`${this.#unwritten} lines could not be written: is the disk full?`);
    if (this.#dropped > 0)
      this.#note(`${this.#dropped} more lines were dropped: a log keeps ${this.#maxBytes} bytes`);
    this.closed = true;
    await this.flush();
    this.#closeFile();
    this.#onClose();
    this.changed.emit("change");
  }
}

/** Size of a log, the time of its last line, and whether that was half written. */
function endOf(descriptor: number): { size: number; lastAtMs: number | undefined; isCut: boolean } {
  const { size } = fstatSync(descriptor);
  if (size === 0) return { size, lastAtMs: undefined, isCut: false };
  const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
  readSync(descriptor, tail, 0, tail.length, size - tail.length);
  const lines = tail.toString("utf8").split("\n");
  const isCut = lines.pop() !== "";
  const own = lines.map(parseLine).filter((line) => line !== undefined && line.stream !== "system");
  return { size, lastAtMs: own.at(-1)?.atMs, isCut };
}
