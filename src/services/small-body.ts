/** Reads the body of a request that has to be small. */
import type { Readable } from "node:stream";
import { BoxkiteError } from "../domain/errors.ts";

const MAX_BYTES = 1024 * 1024;

/** Throws LIMIT_EXCEEDED as soon as it is too long; the rest is dropped. */
export async function readSmallBody(request: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Not destroyed where it is too long: a client of HTTP/2 sends all of it before its stream ends.
  const body: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) break;
    chunks.push(chunk);
  }
  if (bytes <= MAX_BYTES) return Buffer.concat(chunks).toString("utf8");
  request.resume();
  throw new BoxkiteError(
    "LIMIT_EXCEEDED",
    `the body is longer than the limit of ${MAX_BYTES / 2 ** 20} MiB`,
    {
      hint: "write large data into the object store, and answer with its address",
    },
  );
}
