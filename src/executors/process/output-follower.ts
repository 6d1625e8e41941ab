/** Copies what a process writes to its two files into the attempt's log, line by line. */
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { messageOf } from "../../domain/errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { LogSink } from "../../domain/attempt.ts";
import { orAbsent } from "./attempt-directory.ts";
import { writeAtomically } from "./write-atomically.ts";

export interface OutputFollower {
  /** Copies what was written since the last call. */
  read(): Promise<void>;
  /** Copies the rest, an unfinished last line included. */
  finish(): Promise<void>;
}

const STREAMS = ["stdout", "stderr"] as const;
/** How many bytes of each are in the log. */
type Offsets = Record<(typeof STREAMS)[number], number>;
const CHUNK_BYTES = 64 * 1024;
/** A longer line is cut here, so that one without end does not fill the memory. */
const MAX_LINE_CHARS = 256 * 1024;

export async function followOutput(directory: string, logs: LogSink, clock: Clock): Promise<OutputFollower> {
  const offsetsFile = join(directory, "offsets.json");
  // After a restart everything up to these offsets is in the log already; an empty log begins at the start.
  const saved = logs.lastAtMs === undefined ? {} : await readOffsets(offsetsFile);
  const offsets = { stdout: 0, stderr: 0, ...saved };
  const pending = { stdout: "", stderr: "" };
  const decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  const consumed = { ...offsets };

  const readStream = async (stream: (typeof STREAMS)[number]): Promise<boolean> => {
    const file = await orAbsent(open(join(directory, stream), "r"));
    if (file === undefined) return false;
    let moved = false;
    try {
      const buffer = Buffer.alloc(CHUNK_BYTES);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, consumed[stream]);
        if (bytesRead === 0) break;
        consumed[stream] += bytesRead;
        moved = true;
        take(stream, decoders[stream].write(buffer.subarray(0, bytesRead)));
      }
    } finally {
      await file.close();
    }
    offsets[stream] = consumed[stream] - Buffer.byteLength(pending[stream]);
    return moved;
  };

  const take = (stream: (typeof STREAMS)[number], text: string) => {
    const lines = (pending[stream] + text).split("\n");
    pending[stream] = lines.pop() ?? "";
    for (const line of lines) logs.write(stream, line, clock.now());
    if (pending[stream].length > MAX_LINE_CHARS) {
      logs.write(stream, pending[stream], clock.now());
      pending[stream] = "";
    }
  };

  const readBoth = async () => {
    const moved = [await readStream("stdout"), await readStream("stderr")].some(Boolean);
    if (!moved) return;
    // An offset that is on disk before its lines would lose them with the server.
    await logs.flush();
    await writeAtomically(offsetsFile, JSON.stringify(offsets)).catch(() => {});
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
      for (const stream of STREAMS) {
        if (pending[stream] !== "") logs.write(stream, pending[stream], clock.now());
        pending[stream] = "";
      }
    },
  };
}

/** None where they are not there or damaged: lines that come twice are better than an attempt that is lost. */
async function readOffsets(file: string): Promise<Partial<Offsets>> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Partial<Offsets>;
  } catch {
    return {};
  }
}
