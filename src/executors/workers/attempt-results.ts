/**
 * The inputs and the result of an attempt whose worker reads and writes no objects for them: inputs come with the order, and
 * what it writes is a file in the worker's directory, which is stored when the attempt is over.
 */
import { lstatSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { BoxkiteError, isStorageError } from "../../domain/errors.ts";
import { RESULT_FILES } from "../../domain/outputs.ts";
import { createBackoff } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { errnoOf } from "../../lib/errno.ts";
import type { AttemptObjects } from "../executor.ts";
import { openOwnFile, readOwnBytes } from "../output/own-file.ts";
import type { AttemptFiles } from "./attempt-files.ts";

/** An order is one line, which both sides hold whole; larger inputs are no matter of a few milliseconds anyway. */
const MOST_INPUT_BYTES = 256 * 1024;
/** As of one upload to the object store (S3's limit). What is too large to be passed on is judged by who reads it. */
const MOST_RESULT_BYTES = 5 * 1024 ** 3;
const CHUNK_BYTES = 1024 * 1024;
const SMALL_BYTES = 64 * 1024;
/** Where the disk is full, or cannot be written: about 6 s in all. */
const STORE_AGAIN = { baseMs: 200, factor: 2, capMs: 2_000 };
const MOST_TRIES = 6;

/** As base64; undefined where the worker is to read them itself, which reports what is wrong with them. */
export async function inputsFor(objects: AttemptObjects | undefined): Promise<string | undefined> {
  const inputs = await objects?.readInputs(MOST_INPUT_BYTES).catch(() => undefined);
  return inputs && Buffer.from(inputs).toString("base64");
}

/**
 * Stores what is there; to be called once the attempt's exit code is. Throws what storing throws, and the signal's reason when
 * that aborts.
 */
export async function storeResults(
  files: AttemptFiles,
  objects: AttemptObjects,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (const name of RESULT_FILES) {
    const path = `${files.path}/${name}`;
    const pause = createBackoff(STORE_AGAIN, clock);
    for (let tries = 1; ; tries++) {
      try {
        await withOwnFile(path, (content) => objects.writeResult(name, content));
        break;
      } catch (error) {
        if (!isStorageError(error) || tries === MOST_TRIES) throw error;
        await pause.wait(signal);
      }
    }
  }
}

/** Not called where there is no file. */
async function withOwnFile(
  path: string,
  work: (content: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  // Not by other threads, which take longer to be asked than a small result takes to be read.
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  const small = readOwnBytes(path, SMALL_BYTES);
  if (small !== undefined) return await work(once(small));
  let file: FileHandle;
  try {
    file = await openOwnFile(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return;
    throw error;
  }
  try {
    const { size } = await file.stat();
    if (size > MOST_RESULT_BYTES) {
      throw new BoxkiteError(
        "INVALID_ARGUMENT",
        `the result has ${size} bytes, more than an object may have`,
        {
          hint: "return large data as a File or Dir: their contents stay in the object store",
        },
      );
    }
    await work(contentOf(file, size));
  } finally {
    await file.close();
  }
}

/** What is written behind its end meanwhile is left out. */
async function* contentOf(file: FileHandle, size: number): AsyncIterable<Uint8Array> {
  for (let offset = 0; offset < size;) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - offset));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, offset);
    if (bytesRead === 0) throw new Error("the file of a result was cut off while it was read");
    offset += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
