/** Compressed messages of the protocol: the stock SDK compresses each of its own. */
import { gunzipSync } from "node:zlib";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import type { Compression } from "@connectrpc/connect/protocol";

/** Up to here another thread takes longer to be asked than the decompression takes. */
const SMALL_BYTES = 16 * 1024;
const MAX_SMALL_OUTPUT_BYTES = 256 * 1024;

const gzip: Compression = {
  ...compressionGzip,
  decompress: async (bytes, readMaxBytes) =>
    decompressSmall(bytes, readMaxBytes) ?? compressionGzip.decompress(bytes, readMaxBytes),
};

/** Undefined for what is large, and for what cannot be decompressed: connect-es has the error for that. */
function decompressSmall(bytes: Uint8Array, readMaxBytes: number): Uint8Array<ArrayBuffer> | undefined {
  if (bytes.length === 0 || bytes.length > SMALL_BYTES) return undefined;
  try {
    return new Uint8Array(
      gunzipSync(bytes, { maxOutputLength: Math.min(readMaxBytes, MAX_SMALL_OUTPUT_BYTES) }),
    );
  } catch {
    return undefined;
  }
}

export const COMPRESSIONS: Compression[] = [gzip, compressionBrotli];
