/** What is read of a file: through a handle, or of a small file, which is in memory then. */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { orAbsent } from "../../lib/errno.ts";
import type { ReadableFile } from "../../lib/readable-file.ts";

export interface FileBytes extends ReadableFile {
  readonly size: number;
}

/**
 * `asynchronous`: by other threads. `small_at_once`: a small file by this one, which waits for the disk where the file is not in
 * the kernel's cache: for single objects, most of which were written just before, and never for many at a time.
 */
export type Reading = "asynchronous" | "small_at_once";

/** A call that another thread makes takes 60 to 90 µs of this one, and one of this thread 2 to 5 µs where the file is cached. */
const SMALL_BYTES = 16 * 1024;

/** Undefined if there is no such file. */
export async function openFileBytes(path: string, reading: Reading): Promise<FileBytes | undefined> {
  if (reading === "asynchronous") return await openByHandle(path);
  // First: an open that fails takes ten times as long, and most objects are new when they are written.
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const small = found.size <= SMALL_BYTES ? readSmall(path) : undefined;
  return small === undefined ? await openByHandle(path) : inMemory(small);
}

async function openByHandle(path: string): Promise<FileBytes | undefined> {
  const handle = await orAbsent(open(path, "r"));
  if (handle === undefined) return undefined;
  try {
    const { size } = await handle.stat();
    return {
      size,
      read: (buffer, offset, length, position) => handle.read(buffer, offset, length, position),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Undefined where another write has replaced the file by a large one. */
function readSmall(path: string): Uint8Array | undefined {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    if (size > SMALL_BYTES) return undefined;
    const content = Buffer.allocUnsafe(size);
    return content.subarray(0, readSync(file, content, 0, size, 0));
  } finally {
    closeSync(file);
  }
}

export function inMemory(content: Uint8Array): FileBytes {
  return {
    size: content.length,
    read: async (buffer, offset, length, position) => {
      const part = content.subarray(position, position + length);
      buffer.set(part, offset);
      return { bytesRead: part.length };
    },
    close: async () => {},
  };
}
