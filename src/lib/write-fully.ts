/** Writes all of some bytes to an open file: a system call may write a part of them. */
import { write, writeSync } from "node:fs";
import { promisify } from "node:util";

/**
 * So much is written by this thread, into the kernel's cache: handed to another one it takes ten times as long. More than this
 * may have to wait for the disk.
 */
export const SMALL_BYTES = 16 * 1024;

const writeAside = promisify(write);

/** To be used for small pieces only. Throws what the system answers. */
export function writeAtOnce(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
}

/** At the end, or where the last one ended. Rejects with what the system answers. */
export async function writeFully(descriptor: number, bytes: Uint8Array): Promise<void> {
  if (bytes.length <= SMALL_BYTES) return writeAtOnce(descriptor, bytes);
  for (let done = 0; done < bytes.length;) done += (await writeAside(descriptor, bytes, done)).bytesWritten;
}
