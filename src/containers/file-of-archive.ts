/** What an engine sends when one file of a container is asked for: a tar with that file. */
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { extract } from "tar-stream";

/** The content of the first file; undefined where there is none. */
export async function fileOfArchive(archive: Buffer): Promise<Buffer | undefined> {
  const tar = Readable.from([archive]).pipe(extract());
  for await (const entry of tar) {
    if (entry.header.type === "file") return await buffer(entry);
    entry.resume();
  }
  return undefined;
}
