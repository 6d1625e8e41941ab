import { renameSync, writeFileSync } from "node:fs";

/**
 * A reader, also one after a crash of this process, finds the file as it was or as it is to be. `text`: a few lines. By this
 * thread: nothing waits for the disk, and each call that another thread makes would take as long as all of these.
 */
export function writeAtomically(file: string, text: string): void {
  writeFileSync(`${file}.tmp`, text);
  renameSync(`${file}.tmp`, file);
}
