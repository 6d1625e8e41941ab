/** Reads the body of a request that has to be small. */
import type { Readable } from "node:stream";
import { BoxkiteError } from "../domain/errors.ts";

const MAX_BYTES = 1024 * 1024;

/** Throws LIMIT_EXCEEDED as soon as it is too long. */
export async function readSmallBody(request: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) {
      throw new BoxkiteError(
        "LIMIT_EXCEEDED",
        `the body is longer than the limit of ${MAX_BYTES / 2 ** 20} MiB`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
