/** Streams the content of an object, whether it is one file or many parts, and checks it block by block. */
import { Readable } from "node:stream";
import type { ByteRange } from "../object-store.ts";
import { BLOCK_BYTES, blockChecker } from "./block-sums.ts";
import type { Encryption, Unseal } from "./encryption.ts";
import { damaged } from "./io-error.ts";
import { openObjectFile, type OpenFile, type Segments } from "./object-file.ts";
import { readFully } from "./read-fully.ts";

/** Closes the file at the end, also if the reader stops early. Fails with OBJECT_DAMAGED. */
export function streamFile(file: OpenFile, range: ByteRange, encryption: Encryption): Readable {
  const stream = streamOf(fileBytes(file, range, encryption));
  // Not by the generator: one that was never started runs no `finally`.
  stream.once("close", () => void file.handle.close().catch(() => {}));
  return stream;
}

/** All of the range, for a small one; closes the file. Fails with OBJECT_DAMAGED. */
export async function readFile(
  file: OpenFile,
  range: ByteRange,
  encryption: Encryption,
): Promise<Uint8Array> {
  try {
    const parts: Uint8Array[] = [];
    for await (const part of fileBytes(file, range, encryption)) parts.push(part);
    return Buffer.concat(parts);
  } finally {
    await file.handle.close();
  }
}

/** Fails with OBJECT_DAMAGED. */
export function streamSegments(
  segments: Segments,
  range: ByteRange,
  pathOf: (part: number) => string,
  encryption: Encryption,
): Readable {
  return streamOf(
    segmentBytes(segments, range, (number, size, within) =>
      partBytes({ path: pathOf(number), number, size }, within, encryption),
    ),
  );
}

function streamOf(bytes: AsyncGenerator<Uint8Array>): Readable {
  // One block is read while another is being sent.
  return Readable.from(bytes, { objectMode: false, highWaterMark: 2 * BLOCK_BYTES });
}

async function* segmentBytes(
  segments: Segments,
  range: ByteRange,
  read: (number: number, size: number, within: ByteRange) => AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (const { number, size } of segments.parts) {
    const start = Math.max(range.start - offset, 0);
    const end = Math.min(range.end - offset, size - 1);
    offset += size;
    if (start <= end) yield* read(number, size, { start, end });
    if (offset > range.end) return;
  }
}

async function* partBytes(
  { path, number, size }: { readonly path: string; readonly number: number; readonly size: number },
  range: ByteRange,
  encryption: Encryption,
): AsyncGenerator<Uint8Array> {
  const file = await openObjectFile(path, String(number));
  if (file === undefined) throw damaged(path, "is gone: a part of an object");
  try {
    if (file.description.size !== size) throw damaged(path, "is another part than the object was made of");
    yield* fileBytes(file, range, encryption);
  } finally {
    await file.handle.close();
  }
}

/** Whole blocks are read and checked, and the range cut out of them. */
async function* fileBytes(
  file: OpenFile,
  range: ByteRange,
  encryption: Encryption,
): AsyncGenerator<Uint8Array> {
  const { size, blocks, salt } = file.description;
  const unseal: Unseal = salt === undefined ? (_, content) => content : encryption.unsealer(salt);
  // Older objects have no sums.
  const isWhole = blocks === undefined ? () => true : blockChecker(blocks);
  for (let block = Math.floor(range.start / BLOCK_BYTES); block * BLOCK_BYTES <= range.end; block++) {
    const start = block * BLOCK_BYTES;
    const content = await readFully(file, start, Math.min(BLOCK_BYTES, size - start));
    if (content === undefined || !isWhole(block, content))
      throw damaged(file.path, `is not what was written, somewhere from its byte ${start} on`);
    yield unseal(start, content).subarray(Math.max(range.start - start, 0), range.end - start + 1);
  }
}
