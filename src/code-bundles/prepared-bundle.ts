/** The directory of a bundle: `archive.tar`, and `bundle.json` that describes it. */
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { orAbsent } from "../lib/errno.ts";
import { directoriesIn, type ArchiveDirectory } from "./read-archive.ts";

const ARCHIVE = "archive.tar";
const DESCRIPTION = "bundle.json";

export interface PreparedBundle {
  /** A tar without compression: the bundle's files, and last what tells the SDK that they are there. */
  readonly archive: string;
  /** What is directly in it, by name. */
  readonly top: readonly string[];
  /** All that are in it, a folder before what is below it. */
  readonly directories: readonly ArchiveDirectory[];
}

interface Description extends Omit<PreparedBundle, "archive"> {
  /** Of the archive: a power failure may cut it. */
  readonly bytes: number;
}

/** `makeArchive` writes the file that it is given, and returns what is directly in it. */
export async function writePrepared(
  directory: string,
  makeArchive: (path: string) => Promise<readonly string[]>,
): Promise<void> {
  const archive = join(directory, ARCHIVE);
  const top = await makeArchive(archive);
  const { size: bytes } = await stat(archive);
  const description: Description = { bytes, top, directories: await directoriesIn(archive) };
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
  const { top, directories } = description;
  return { archive, top, directories };
}

function parse(text: string): Description | undefined {
  try {
    return JSON.parse(text) as Description;
  } catch {
    return undefined;
  }
}
