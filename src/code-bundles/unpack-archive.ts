/** The files of a prepared archive in a directory, for containers in which they are mounted. */
import { chmod, link, mkdir, open, readdir, realpath, stat, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { BundleRefused } from "./bundle-entry.ts";
import { entriesOf } from "./read-archive.ts";

export interface UnpackedFile {
  /** Relative to the bundle's folder. */
  readonly name: string;
  /** On this machine; no link. */
  readonly path: string;
}

/** The archive is one of ours: its names were checked. */
export async function unpackArchive(archive: string, directory: string): Promise<void> {
  for await (const entry of entriesOf(archive)) {
    const { name, type, linkname, mode } = entry.header;
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    if (type === "directory") await mkdir(path, { recursive: true });
    else if (type === "symlink") await symlink(linkname ?? "", path);
    else if (type === "link") await link(join(directory, linkname ?? ""), path);
    else {
      const file = await open(path, "wx");
      await pipeline(entry, file.createWriteStream());
      // By containers that run as any user, whatever the umask is.
      await chmod(path, mode | 0o444);
    }
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
