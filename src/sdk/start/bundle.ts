/** Code bundles: the author's own files as a gzipped tar, the same bytes for the same files. */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";

export interface CodeBundle {
  readonly filename: string;
  readonly content: Uint8Array<ArrayBuffer>;
  /** Hex MD5 of the files: the version of the code. */
  readonly version: string;
  readonly files: readonly string[];
}

export async function packBundle(rootDir: string, files: readonly string[]): Promise<CodeBundle> {
  const archive = pack();
  const hash = createHash("md5");
  for (const name of files) {
    const content = readFileSync(join(rootDir, name));
    const executable = (statSync(join(rootDir, name)).mode & 0o111) !== 0;
    // Times and owners are left out: the same files are the same bundle on every machine.
    archive.entry({ name, mode: executable ? 0o755 : 0o644, mtime: new Date(0), uid: 0, gid: 0 }, content);
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  const content = new Uint8Array(gzipSync(Buffer.concat(chunks)));
  const version = hash.digest("hex");
  return { filename: `fast${version}.tar.gz`, content, version, files };
}
