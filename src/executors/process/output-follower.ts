/** Carries what a process writes to its two files over into the attempt's log, line by line. */
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import type { Clock } from "../../lib/clock.ts";
import type { LogSink } from "../executor.ts";

export interface OutputFollower {
  /** Takes over what was written since the last call. */
  read(): Promise<void>;
  /** Takes over the rest, an unfinished last line included. */
  finish(): Promise<void>;
}

const STREAMS = ["stdout", "stderr"] as const;
const CHUNK_BYTES = 64 * 1024;
/** A longer line is cut here, so that one without end does not fill the memory. */
const MAX_LINE_CHARS = 256 * 1024;

export async function followOutput(directory: string, logs: LogSink, clock: Clock): Promise<OutputFollower> {
  const offsetsFile = join(directory, "offsets.json");
  // After a restart everything up to these places is in the log already; an empty log begins at the start.
  const saved = logs.lastAtMs === undefined ? "{}" : await readFile(offsetsFile, "utf8").catch(() => "{}");
  const offsets = {
    stdout: 0,
    stderr: 0,
    ...(JSON.parse(saved) as Partial<Record<"stdout" | "stderr", number>>),
  };
  const pending = { stdout: "", stderr: "" };
  const decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  const consumed = { ...offsets };

  const readStream = async (stream: (typeof STREAMS)[number]): Promise<boolean> => {
    const file = await open(join(directory, stream), "r").catch(() => undefined);
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

  let reading: Promise<void> = Promise.resolve();
  const read = () => {
    reading = reading.then(async () => {
      const moved = [await readStream("stdout"), await readStream("stderr")].some(Boolean);
      if (moved) await writeFile(offsetsFile, JSON.stringify(offsets)).catch(() => {});
    });
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
