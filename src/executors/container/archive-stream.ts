/** A tar file as an engine gets it: whose its files are, and which of its directories are made. */
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";
import { entriesOf, type ArchiveDirectory } from "../../code-bundles/read-archive.ts";
import type { ContainerArchive } from "../attempt-options.ts";

export interface StreamOptions {
  /** In front of each name: empty, or ends with `/`. */
  readonly prefix: string;
  /** Made first, in this order. Directories of the file itself are left out. */
  readonly directories: readonly Pick<ArchiveDirectory, "name" | "mode">[];
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
