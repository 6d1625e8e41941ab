import type { FileBytes } from "./file-bytes.ts";
import { explainReadError } from "./io-error.ts";

export interface ReadableFile {
  readonly handle: FileBytes;
  readonly path: string;
}

/**
 * `length` bytes from `position` on; undefined if the file ends before. Fails with OBJECT_DAMAGED where the disk does not
 * return them.
 */
export async function readFully(
  { handle, path }: ReadableFile,
  position: number,
  length: number,
): Promise<Buffer | undefined> {
  const content = Buffer.allocUnsafe(length);
  try {
    for (let filled = 0; filled < length;) {
      const { bytesRead } = await handle.read(content, filled, length - filled, position + filled);
      if (bytesRead === 0) return undefined;
      filled += bytesRead;
    }
  } catch (error) {
    throw explainReadError(error, path);
  }
  return content;
}
