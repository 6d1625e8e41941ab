/** Code bundles: the author's own files as a gzipped tar, the same bytes for the same files. */
import { createHash } from "node:crypto";
import { tarGzip } from "./tar-gzip.ts";

export interface CodeBundle {
  readonly filename: string;
  readonly content: Uint8Array<ArrayBuffer>;
  /** Hex MD5 of the files: the version of the code. */
  readonly version: string;
  readonly files: readonly string[];
}

export async function packBundle(rootDir: string, files: readonly string[]): Promise<CodeBundle> {
  const hash = createHash("md5");
  const content = await tarGzip(rootDir, files, (name, file) => {
    hash.update(`${name}\0${file.length}\0`).update(file);
  });
  const version = hash.digest("hex");
  return { filename: `fast${version}.tar.gz`, content, version, files };
}
