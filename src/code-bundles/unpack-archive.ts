/** The files of a prepared archive in a directory, for containers in which they are mounted. */
import { readdir, realpath, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { BundleRefused, EntryCheck, type BundleLimits } from "./bundle-entry.ts";
import { createEntryWriter, type EntryWriterOptions } from "./entry-writer.ts";
import { entriesOf } from "./read-archive.ts";

export interface UnpackedFile {
  /** Relative to the bundle's folder. */
  readonly name: string;
  /** On this machine; no link. */
  readonly path: string;
}

/** Those of its archive were held when it was made. */
const NO_LIMITS: BundleLimits = { bytes: Infinity, entries: Infinity };

/** The archive is one of ours: see make-archive.ts. Throws BundleRefused where the file system has a name for two entries. */
export async function unpackArchive(
  archive: string,
  directory: string,
  options?: EntryWriterOptions,
): Promise<void> {
  const check = new EntryCheck(NO_LIMITS, []);
  const write = await createEntryWriter(directory, options);
  for await (const entry of entriesOf(archive)) {
    const checked = check.check(entry.header);
    if (checked !== undefined) await write(checked, entry);
    entry.resume();
  }
}

/** Those that can be mounted. Throws BundleRefused where one cannot: a link to a directory, or to nothing. */
export async function filesIn(directory: string): Promise<readonly UnpackedFile[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const root = await realpath(directory);
  return await Promise.all(
    entries
      .filter((entry) => !entry.isDirectory())
      .map(async (entry) => {
        const name = relative(directory, join(entry.parentPath, entry.name));
        const path = await realpath(join(root, name)).catch(() => undefined);
        if (path !== undefined && (await stat(path)).isFile()) return { name, path };
        throw new BundleRefused(`its link ${JSON.stringify(name)} leads to no file`);
      }),
  );
}
