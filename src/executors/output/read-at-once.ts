import { closeSync, readSync } from "node:fs";
import type { ReadableFile } from "../../lib/readable-file.ts";

/** What was written a moment ago is in the kernel's cache: to have another thread read it takes twenty times as long. */
export function readAtOnce(descriptor: number): ReadableFile {
  return {
    read: async (buffer, offset, length, position) => ({
      bytesRead: readSync(descriptor, buffer, offset, length, position),
    }),
    close: async () => closeSync(descriptor),
  };
}
