import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";

/**
 * Files of a folder as a gzipped tar. Times and owners are left out: the same files give the same bytes on
 * every machine.
 */
export async function tarGzip(
  folder: string,
  names: readonly string[],
  onFile: (name: string, content: Uint8Array) => void = () => undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const archive = pack();
  for (const name of names) {
    const path = join(folder, name);
    const content = readFileSync(path);
    const mode = (statSync(path).mode & 0o111) === 0 ? 0o644 : 0o755;
    archive.entry({ name, mode, mtime: new Date(0), uid: 0, gid: 0 }, content);
    onFile(name, content);
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return new Uint8Array(gzipSync(Buffer.concat(chunks)));
}
