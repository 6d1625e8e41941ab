/** Copies what a process writes to its two files into the attempt's log, line by line. */
import { constants, lstatSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { messageOf } from "../../domain/errors.ts";
import { orAbsent } from "../../lib/errno.ts";
import type { Clock } from "../../lib/clock.ts";
import type { ReadableFile } from "../../lib/readable-file.ts";
import type { LogSink } from "../../domain/attempt.ts";
import { characterBoundary } from "../character-boundary.ts";
import { readAtOnce } from "./read-at-once.ts";
import { writeAtomically } from "./write-atomically.ts";

export interface OutputFollower {
  /** Copies what was written since the last call. */
  read(): Promise<void>;
  /** Copies the rest, an unfinished last line included. */
  finish(): Promise<void>;
}

const STREAMS = ["stdout", "stderr"] as const;
/** How many bytes of each are in the log. */
export type Offsets = Readonly<Record<(typeof STREAMS)[number], number>>;
const CHUNK_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;
/** A longer line is cut here, so that one without end does not fill the memory. */
const MAX_LINE_BYTES = 256 * 1024;

/** Where it is noted how far the log is, which the next server asks for. */
export interface OffsetNotes {
  /**
   * None where there are none, or they cannot be read, or the machine was restarted since: the log is not synced, and lines that
   * come twice are better than lost ones.
   */
  last(): Promise<Partial<Offsets>>;
  /** Need not be on disk. May throw. */
  note(offsets: Offsets): void;
}

export interface FollowOptions {
  /** @default a file in the directory itself */
  readonly offsets?: OffsetNotes;
  /** How the two files are opened for reading. */
  readonly openFile?: OpenFile;
}

type OpenFile = (path: string) => Promise<ReadableFile>;

async function openAtOnce(path: string): Promise<ReadableFile> {
  // A pipe in its place would block this thread.
  return readAtOnce(openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
}

export async function followOutput(
  directory: string,
  logs: LogSink,
  clock: Clock,
  options: FollowOptions = {},
): Promise<OutputFollower> {
  const { offsets = notesIn(join(directory, "offsets.json")), openFile = openAtOnce } = options;
  // After a restart everything up to these offsets is in the log already; an empty log begins at the start.
  const saved = logs.lastAtMs === undefined ? {} : await offsets.last();
  const fileOf = (stream: (typeof STREAMS)[number]) =>
    new OutputFile(join(directory, stream), saved[stream] ?? 0, openFile, (line) =>
      logs.write(stream, line, clock.now()),
    );
  const files = { stdout: fileOf("stdout"), stderr: fileOf("stderr") };

  const readBoth = async () => {
    const grown = [await files.stdout.read(), await files.stderr.read()].some(Boolean);
    if (!grown) return;
    const copied = { stdout: files.stdout.offset, stderr: files.stderr.offset };
    // An offset that is on disk before its lines would lose them with the server.
    await logs.flush();
    try {
      offsets.note(copied);
    } catch {
      // The disk is full, or the directory is being removed: lines come twice after a restart.
    }
  };

  let reading: Promise<void> = Promise.resolve();
  let isReported = false;
  /** Output that cannot be read does not change how the attempt ends; the log says so once. */
  const report = (error: unknown) => {
    if (!isReported) logs.write("system", `the output could not be read: ${messageOf(error)}`, clock.now());
    isReported = true;
  };
  const read = () => {
    reading = reading.then(readBoth).catch(report);
    return reading;
  };

  return {
    read,
    finish: async () => {
      await read();
      for (const stream of STREAMS) files[stream].finish();
    },
  };
}

/** One of the two files. Lines are cut out of its bytes, since a character may be written in two parts. */
class OutputFile {
  readonly #path: string;
  readonly #openFile: OpenFile;
  readonly #write: (line: string) => void;
  #consumed: number;
  /** The line that has not ended yet. */
  #pending: Buffer = Buffer.alloc(0);

  constructor(path: string, offset: number, openFile: OpenFile, write: (line: string) => void) {
    this.#path = path;
    this.#openFile = openFile;
    this.#consumed = offset;
    this.#write = write;
  }

  /** How many of its bytes are in the log. */
  get offset(): number {
    return this.#consumed - this.#pending.length;
  }

  /** Whether there was something new. */
  async read(): Promise<boolean> {
    if (!this.#hasGrown()) return false;
    const file = await orAbsent(this.#openFile(this.#path));
    if (file === undefined) return false;
    let grown = false;
    try {
      // Only what was read into it is used.
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, this.#consumed);
        if (bytesRead === 0) return grown;
        this.#consumed += bytesRead;
        grown = true;
        this.#take(buffer.subarray(0, bytesRead));
        if (bytesRead < buffer.length) return grown;
        // A file that was not read for a long time must not hold up everything else.
        await setImmediate();
      }
    } finally {
      await file.close();
    }
  }

  /** Most looks find nothing new. A link, a pipe or a directory in its place is not read. */
  #hasGrown(): boolean {
    const found = lstatSync(this.#path, { throwIfNoEntry: false });
    return found?.isFile() === true && found.size > this.#consumed;
  }

  finish(): void {
    if (this.#pending.length > 0) this.#write(this.#pending.toString());
    this.#pending = Buffer.alloc(0);
  }

  #take(chunk: Buffer): void {
    let rest = Buffer.concat([this.#pending, chunk]);
    for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED)) {
      this.#write(rest.toString("utf8", 0, end));
      rest = rest.subarray(end + 1);
    }
    if (rest.length > MAX_LINE_BYTES) {
      const end = characterBoundary(rest);
      this.#write(rest.toString("utf8", 0, end));
      rest = rest.subarray(end);
    }
    this.#pending = rest;
  }
}

function notesIn(file: string): OffsetNotes {
  return {
    last: async () => {
      try {
        return JSON.parse(await readFile(file, "utf8")) as Partial<Offsets>;
      } catch {
        // Not there, or damaged: lines that come twice are better than an attempt that is lost.
        return {};
      }
    },
    note: (offsets) => writeAtomically(file, JSON.stringify(offsets)),
  };
}
