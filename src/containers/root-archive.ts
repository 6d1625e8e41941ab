/** Tars to be unpacked into the root directory of a container or an image. */
import { posix } from "node:path";
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";

export interface RootContent {
  /** Relative to the root. */
  readonly directories?: readonly string[];
  /** By absolute path. Every user of the image may read them, and nobody may write. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** As `files`, and every user may execute them. */
  readonly programs?: Readonly<Record<string, string | Buffer>>;
  /** Relative to the root; every user may make files there, as in /tmp. */
  readonly openDirectories?: readonly string[];
}

export async function rootArchive({
  directories = [],
  files = {},
  programs = {},
  openDirectories = [],
}: RootContent): Promise<Buffer> {
  const tar = pack();
  const addDirectory = (name: string, mode = 0o755) => tar.entry({ name, type: "directory", mode });
  const addFile = (path: string, content: string | Buffer, mode: number) => {
    const name = posix.normalize(path).slice(1);
    addDirectory(posix.dirname(name));
    tar.entry({ name, mode }, content);
  };
  for (const name of directories) addDirectory(name);
  for (const [path, content] of Object.entries(files)) addFile(path, content, 0o444);
  for (const [path, content] of Object.entries(programs)) addFile(path, content, 0o555);
  for (const name of openDirectories) addDirectory(name, 0o1777);
  tar.finalize();
  return await buffer(tar);
}
