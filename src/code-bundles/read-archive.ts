/** Reads an archive: a tar without compression. */
import { createReadStream } from "node:fs";
import { posix } from "node:path";
import { pipeline } from "node:stream/promises";
import { extract, type Extract } from "tar-stream";

export interface ArchiveDirectory {
  readonly name: string;
  readonly mode: number;
  /** Whether nothing is below it. */
  readonly isEmpty: boolean;
}

const DIRECTORY_MODE = 0o755;

type Entry = Extract extends AsyncIterable<infer Item> ? Item : never;

export async function* entriesOf(source: string): AsyncGenerator<Entry> {
  const tar = extract();
  const flow = pipeline(createReadStream(source), tar);
  // The loop below fails with it.
  flow.catch(() => undefined);
  yield* tar;
  await flow;
}

/** All directories, also those that are only the folder of another entry; a folder before what is below it. */
export async function directoriesIn(source: string): Promise<readonly ArchiveDirectory[]> {
  const modes = new Map<string, number>();
  const full = new Set<string>();
  for await (const entry of entriesOf(source)) {
    entry.resume();
    const { name, type, mode } = entry.header;
    const path = posix.normalize(name).replace(/\/$/u, "");
    if (type === "directory" && path !== ".") modes.set(path, mode & 0o777);
    for (let folder = posix.dirname(path); folder !== "."; folder = posix.dirname(folder)) {
      full.add(folder);
      if (!modes.has(folder)) modes.set(folder, DIRECTORY_MODE);
    }
  }
  return [...modes]
    .map(([name, mode]) => ({ name, mode, isEmpty: !full.has(name) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
