import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { SMALL_BYTES, writeFully } from "./write-fully.ts";

test("pieces of any size are in the file as a whole, in their order", async (t) => {
  const path = join(await temporaryDirectory(t), "file");
  const file = openSync(path, "wx");
  const pieces = [0, 1, SMALL_BYTES, SMALL_BYTES + 1, 3_000_000].map((size, index) =>
    Buffer.alloc(size, index),
  );
  try {
    for (const piece of pieces) await writeFully(file, piece);
  } finally {
    closeSync(file);
  }
  assert.ok(readFileSync(path).equals(Buffer.concat(pieces)));
});

test("what the system refuses is an error, for small and large pieces", async (t) => {
  const path = join(await temporaryDirectory(t), "file");
  closeSync(openSync(path, "wx"));
  const file = openSync(path, "r");
  t.after(() => closeSync(file));
  for (const size of [1, SMALL_BYTES + 1])
    await assert.rejects(writeFully(file, Buffer.alloc(size)), { code: "EBADF" });
});
