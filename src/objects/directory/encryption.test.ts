import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { silentLogger } from "../../lib/log.ts";
import { openDirectoryStore } from "../directory-store.ts";
import type { HostedStore } from "../hosted-store.ts";
import { BLOCK_BYTES } from "./block-sums.ts";

const ENCRYPTED = { encryption: "AES256" } as const;
const MARK = "a text that would be found";

async function subject(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-encryption-"));
  t.after(() => rm(directory, { recursive: true }));
  return {
    open: (secret?: string) => openDirectoryStore(directory, { log: silentLogger, secret }),
    /** Whether any file has the text. */
    holds: async (text: string): Promise<boolean> => {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true });
      const files = entries
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => join(parentPath, name));
      return (await Promise.all(files.map((file) => readFile(file)))).some((content) =>
        content.includes(text),
      );
    },
  };
}

const some = async (store: HostedStore, key: string, start: number, end: number): Promise<Buffer> =>
  buffer(await store.read(key, { start, end }));

test("an encrypted object is read as it was written, whole and in ranges, also by the next server", async (t) => {
  const { open, holds } = await subject(t);
  const store = await open("one secret");
  const content = Buffer.concat([Buffer.from(MARK), randomBytes(2 * BLOCK_BYTES + 5)]);
  const stored = await store.put("sealed", content, ENCRYPTED);
  assert.equal(stored.encryption, "AES256");
  const small = Buffer.from(MARK);
  await store.put("small", small, ENCRYPTED);
  assert.equal(await holds(MARK), false);
  assert.deepEqual(Buffer.from((await store.readAll("small")) ?? []), small);
  assert.equal(String(await some(store, "small", 7, 10)), MARK.slice(7, 11));
  for (const opened of [store, await open("one secret")]) {
    assert.deepEqual(await opened.readAll("sealed"), content);
    for (const [start, end] of [
      [0, 0],
      [7, 40],
      [BLOCK_BYTES - 1, BLOCK_BYTES],
      [BLOCK_BYTES + 3, content.length - 1],
    ] as const)
      assert.deepEqual(await some(opened, "sealed", start, end), content.subarray(start, end + 1));
    const head = await opened.head("sealed");
    assert.deepEqual([head?.encryption, head?.size, head?.etag], ["AES256", content.length, stored.etag]);
  }
  assert.equal(
    (await store.put("plain", Buffer.from(MARK))).etag,
    (await store.put("sealed", Buffer.from(MARK), ENCRYPTED)).etag,
  );
  assert.equal(await holds(MARK), true);
});

test("the parts of an encrypted upload are encrypted, each with a key of its own", async (t) => {
  const { open, holds } = await subject(t);
  const store = await open("one secret");
  const upload = await store.createUpload({ key: "big", attributes: ENCRYPTED });
  const pieces = [Buffer.from(MARK.repeat(10)), Buffer.from(MARK.repeat(10))];
  for (const [index, piece] of pieces.entries()) await store.putPart(upload, index + 1, piece);
  const completed = await store.completeUpload(upload, (parts) => ({ parts }));
  assert.equal(completed?.encryption, "AES256");
  assert.equal(await holds(MARK), false);
  const content = Buffer.concat(pieces);
  assert.deepEqual(await store.readAll("big"), content);
  assert.deepEqual(await some(store, "big", 250, 300), content.subarray(250, 301));
  // Beside a plain one, in the same store.
  await store.put("plain", Buffer.from("x"));
  assert.equal((await store.head("plain"))?.encryption, undefined);
});

test("another secret reads noise, and without one nothing is encrypted or decrypted", async (t) => {
  const { open } = await subject(t);
  const store = await open("one secret");
  await store.put("a", Buffer.from(MARK), ENCRYPTED);
  const other = await open("another secret");
  assert.notEqual(String(await other.readAll("a")), MARK);
  await assert.rejects((await open()).readAll("a"), { code: "INVALID_ARGUMENT" });
  await assert.rejects((await open()).put("b", Buffer.from("x"), ENCRYPTED), { code: "INVALID_ARGUMENT" });
  assert.equal(await store.head("b"), undefined);
});
