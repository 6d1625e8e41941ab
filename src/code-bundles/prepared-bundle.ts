/** The directory of a bundle: `archive.tar`, and `bundle.json` that describes it. */
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { orAbsent } from "../lib/errno.ts";

const ARCHIVE = "archive.tar";
const DESCRIPTION = "bundle.json";

export interface PreparedBundle {
  /** A tar without compression: the bundle's files, and last what tells the SDK that they are there. */
  readonly archive: string;
  /** What is directly in it, by name. */
  readonly top: readonly string[];
}

interface Description {
  /** Of the archive: a power failure may cut it. */
  readonly bytes: number;
  readonly top: readonly string[];
}

/** `makeArchive` writes the file that it is given, and returns what is directly in it. */
export async function writePrepared(
  directory: string,
  makeArchive: (path: string) => Promise<readonly string[]>,
): Promise<void> {
  const archive = join(directory, ARCHIVE);
  const top = await makeArchive(archive);
  const { size: bytes } = await stat(archive);
  const description: Description = { bytes, top };
  await writeFile(join(directory, DESCRIPTION), JSON.stringify(description));
}

/** Undefined where it is not there, or not whole. */
export async function readPrepared(directory: string): Promise<PreparedBundle | undefined> {
  const archive = join(directory, ARCHIVE);
  const [text, found] = await Promise.all([
    orAbsent(readFile(join(directory, DESCRIPTION), "utf8")),
    orAbsent(stat(archive)),
  ]);
  const description = text === undefined ? undefined : parse(text);
  if (description === undefined || found?.size !== description.bytes) return undefined;
  return { archive, top: description.top };
}

function parse(text: string): Description | undefined {
  try {
    return JSON.parse(text) as Description;
  } catch {
    return undefined;
  }
}
