/** A tar file as an engine gets it: whose its files are, and which of its directories are made. */
import { createReadStream } from "node:fs";
import { posix } from "node:path";
import { pipeline } from "node:stream/promises";
import { extract, pack, type Extract } from "tar-stream";
import type { ContainerArchive } from "../attempt-options.ts";

const DIRECTORY_MODE = 0o755;

export interface ArchiveDirectory {
  readonly name: string;
  readonly mode: number;
  /** Whether nothing is below it. */
  readonly isEmpty: boolean;
}

export interface StreamOptions {
  /** In front of each name: empty, or ends with `/`. */
  readonly prefix: string;
  /** Made first, in this order. Directories of the file itself are left out. */
  readonly directories: readonly Pick<ArchiveDirectory, "name" | "mode">[];
}

/** All directories of a tar file, also those that are only the folder of another entry; a folder before what is below it. */
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

export function archiveStream(
  { source, owner }: Pick<ContainerArchive, "source" | "owner">,
  { prefix, directories }: StreamOptions,
): AsyncIterable<unknown> {
  const tar = pack();
  const fill = async () => {
    for (const { name, mode } of directories) tar.entry({ name, mode, type: "directory", ...owner });
    for await (const entry of entriesOf(source)) {
      const { name, type, size, mode, mtime, linkname } = entry.header;
      // The target of a symbolic link is text; that of another one is an entry.
      const target = type === "link" ? `${prefix}${linkname ?? ""}` : linkname;
      const header = { name: `${prefix}${name}`, type, size, mode, mtime, linkname: target, ...owner };
      if (type === "file") await pipeline(entry, tar.entry(header));
      else {
        if (type !== "directory") tar.entry(header);
        entry.resume();
      }
    }
    tar.finalize();
  };
  fill().catch((error: unknown) => tar.destroy(error as Error));
  return tar;
}

type Entry = Extract extends AsyncIterable<infer Item> ? Item : never;

async function* entriesOf(source: string): AsyncGenerator<Entry> {
  const tar = extract();
  const flow = pipeline(createReadStream(source), tar);
  // The loop below fails with it.
  flow.catch(() => undefined);
  yield* tar;
  await flow;
}
