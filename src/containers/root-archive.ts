/** Tars to be unpacked into the root directory of a container or an image. */
import { posix } from "node:path";
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";

export interface RootContent {
  /** Relative to the root. */
  readonly directories?: readonly string[];
  /** By absolute path. Every user of the image may read them, and nobody may write. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
}

export async function rootArchive({ directories = [], files = {} }: RootContent): Promise<Buffer> {
  const tar = pack();
  const addDirectory = (name: string) => tar.entry({ name, type: "directory", mode: 0o755 });
  for (const name of directories) addDirectory(name);
  for (const [path, content] of Object.entries(files)) {
    const name = posix.normalize(path).slice(1);
    addDirectory(posix.dirname(name));
    tar.entry({ name, mode: 0o444 }, content);
  }
  tar.finalize();
  return await buffer(tar);
}
