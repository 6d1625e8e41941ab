import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { COMPRESSIONS } from "./compression.ts";

const gzip = COMPRESSIONS.find(({ name }) => name === "gzip") ?? assert.fail();

test("small and large messages are decompressed", async () => {
  for (const size of [0, 1, 1_000, 300_000, 5_000_000]) {
    const message = Buffer.alloc(size, "abc");
    const bytes = size === 0 ? new Uint8Array() : new Uint8Array(gzipSync(message));
    assert.deepEqual(Buffer.from(await gzip.decompress(bytes, 10_000_000)), message);
  }
});

test("what is too large or damaged is refused as by connect-es", async () => {
  const bytes = new Uint8Array(gzipSync(Buffer.alloc(1_000, "abc")));
  await assert.rejects(gzip.decompress(bytes, 999), /\[resource_exhausted\]/u);
  await assert.rejects(gzip.decompress(bytes.subarray(0, 10), 999), /decompression failed/u);
});
