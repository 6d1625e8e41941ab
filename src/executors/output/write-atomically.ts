import { rename, writeFile } from "node:fs/promises";

/** A reader, also one after a crash, finds the file as it was or as it is to be. */
export async function writeAtomically(file: string, text: string): Promise<void> {
  await writeFile(`${file}.tmp`, text);
  await rename(`${file}.tmp`, file);
}
