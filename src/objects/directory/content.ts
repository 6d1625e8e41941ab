/** Streams the content of an object, whether it is one file or many parts. */
import { createReadStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import type { Segments } from "./object-file.ts";

export interface ByteRange {
  readonly start: number;
  /** Included. */
  readonly end: number;
}

const READ_BYTES = 256 * 1024;

/** Closes the handle at the end, also if the reader gives up. */
export function streamFile(handle: FileHandle, range: ByteRange): Readable {
  // createReadStream has no way to say "no bytes".
  if (range.end < range.start) return emptyAfter(handle);
  return handle.createReadStream({ start: range.start, end: range.end, highWaterMark: READ_BYTES });
}

export function streamSegments(
  segments: Segments,
  range: ByteRange,
  pathOf: (part: number) => string,
): Readable {
  return Readable.from(segmentBytes(segments, range, pathOf), { objectMode: false });
}

function emptyAfter(handle: FileHandle): Readable {
  const stream = Readable.from([], { objectMode: false });
  stream.once("close", () => void handle.close());
  return stream;
}

async function* segmentBytes(
  segments: Segments,
  range: ByteRange,
  pathOf: (part: number) => string,
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (const { number, size } of segments.parts) {
    const start = Math.max(range.start - offset, 0);
    const end = Math.min(range.end - offset, size - 1);
    offset += size;
    if (start <= end) yield* createReadStream(pathOf(number), { start, end, highWaterMark: READ_BYTES });
    if (offset > range.end) return;
  }
}
