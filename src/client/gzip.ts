/** Compressed answers, without connect-node, which would be loaded for this alone. */
import { promisify } from "node:util";
import { gunzip, gzip as compress } from "node:zlib";
import type { Compression } from "@connectrpc/connect/protocol";

const [compressAside, decompressAside] = [promisify(compress), promisify(gunzip)];

export const gzip: Compression = {
  name: "gzip",
  compress: async (bytes) => new Uint8Array(await compressAside(bytes)),
  decompress: async (bytes, readMaxBytes) =>
    // Nothing is an empty message, compressed or not.
    bytes.length === 0
      ? new Uint8Array()
      : new Uint8Array(await decompressAside(bytes, { maxOutputLength: readMaxBytes })),
};
