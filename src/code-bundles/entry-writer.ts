/** Writes checked entries into a directory of this machine. */
import { chmod, link, mkdir, open, realpath, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { quoted } from "../domain/text.ts";
import { errnoOf } from "../lib/errno.ts";
import { BundleRefused, type BundleEntry } from "./bundle-entry.ts";

export interface EntryWriterOptions {
  /**
   * Permissions that every file gets beside its own. By default everyone may read it: containers run as any user, whatever
   * the umask is.
   */
  readonly addedMode?: number;
}

/** Throws BundleRefused, and the error of the file system. `content` is read for files only. */
export type WriteEntry = (entry: BundleEntry, content: AsyncIterable<unknown>) => Promise<void>;

/** For entries of one EntryCheck, in their order. The directory exists. */
export async function createEntryWriter(
  directory: string,
  { addedMode = 0o444 }: EntryWriterOptions = {},
): Promise<WriteEntry> {
  const root = await realpath(directory);
  const folders = new Set([root]);

  /**
   * No entry is below a link by its name. A file system that ignores case, or normalizes Unicode, may take a link for a
   * folder of another name nevertheless.
   */
  const makeFolder = async (folder: string): Promise<void> => {
    if (folders.has(folder)) return;
    await makeFolder(dirname(folder));
    await mkdir(folder, { recursive: true });
    if ((await realpath(folder)) !== folder) throw nameTaken(folder.slice(root.length + 1));
    folders.add(folder);
  };

  const write: WriteEntry = async ({ name, type, linkname = "", mode }, content) => {
    const path = join(root, name);
    await makeFolder(dirname(path));
    if (type === "directory") await makeFolder(path);
    else if (type === "symlink") await symlink(linkname, path);
    else if (type === "link") await link(join(root, linkname), path);
    else {
      const file = await open(path, "wx");
      await pipeline(content, file.createWriteStream());
      await chmod(path, mode | addedMode);
    }
  };

  return async (entry, content) => {
    try {
      await write(entry, content);
    } catch (error) {
      throw errnoOf(error) === "EEXIST" ? nameTaken(entry.name) : error;
    }
  };
}

function nameTaken(name: string): BundleRefused {
  return new BundleRefused(`${quoted(name)} has the name of another entry on this file system`);
}
