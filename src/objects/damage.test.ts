/** A byte that the disk changed is an error, and nothing of its block is returned. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { mkdir, open as openFile, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { BUCKET, sendSigned, startS3Server, type S3Server } from "../../test/helpers/s3-server.ts";
import { BLOCK_BYTES, BlockSums, blockChecker } from "./directory/block-sums.ts";
import { asFile, asRow, flipInRow, withRows, writeAsFile } from "../../test/helpers/object-kinds.ts";
import { createLogger } from "../lib/log.ts";
import { openDirectoryStore } from "./directory-store.ts";
import type { HostedStore, ListPosition } from "./hosted-store.ts";

async function flip(file: string, at: number): Promise<void> {
  const content = await readFile(file);
  content[at] = (content[at] ?? 0) ^ 0x10;
  await writeFile(file, content);
}

const readAll = (store: HostedStore, key: string) =>
  store.readAll(key).then((bytes) => bytes && Buffer.from(bytes));
const damaged = { code: "OBJECT_DAMAGED" };

async function open(t: TestContext): Promise<S3Server & { fileOf: (key: string) => string }> {
  const server = await startS3Server(t);
  return { ...server, fileOf: (key) => join(server.directory, "objects", `${key}@`) };
}

test("sums of blocks do not depend on how the content comes", () => {
  const content = randomBytes(3 * BLOCK_BYTES + 5);
  const sumsOf = (pieces: readonly Uint8Array[]) => {
    const sums = new BlockSums();
    for (const piece of pieces) sums.update(piece);
    return sums.encoded();
  };
  const whole = sumsOf([content]);
  const cuts = [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 9, content.length];
  assert.equal(sumsOf(cuts.map((cut, index) => content.subarray(cuts[index - 1] ?? 0, cut))), whole);
  const isWhole = blockChecker(whole);
  for (let block = 0; block < 4; block++)
    assert.ok(isWhole(block, content.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES)));
  assert.ok(!isWhole(4, Buffer.alloc(0)), "there is no such block");
  assert.equal(sumsOf([]), "");
});

test("every byte of an object's file counts", async (t) => {
  const { store, directory, fileOf } = await open(t);
  await writeAsFile(directory, "a", Buffer.from("content"), { metadata: { colour: "red" } });
  const { size } = await stat(fileOf("a"));
  const whole = await readFile(fileOf("a"));
  for (let at = 0; at < size; at++) {
    await flip(fileOf("a"), at);
    await assert.rejects(readAll(store, "a"), damaged, `the byte ${at}`);
    await writeFile(fileOf("a"), whole);
  }
  assert.equal(String(await readAll(store, "a")), "content");
  await writeFile(fileOf("a"), whole.subarray(1));
  await assert.rejects(readAll(store, "a"), damaged);
});

test("every byte of an object's row counts", async (t) => {
  const { store, directory } = await open(t);
  const put = () => store.put("a", Buffer.from("content"), { metadata: { colour: "red" } });
  await put();
  const bytes = withRows(directory, (database) =>
    Number(
      database.prepare("SELECT length(content) + length(trailer) AS bytes FROM objects").get()?.["bytes"],
    ),
  );
  assert.ok(bytes > 150);
  for (let at = 0; at < bytes; at++) {
    flipInRow(directory, "a", at);
    await assert.rejects(
      readAll(store, "a"),
      { ...damaged, message: /the row of a in .*small\.sqlite/u },
      `the byte ${at}`,
    );
    await put();
  }
  assert.equal(String(await readAll(store, "a")), "content");
  withRows(directory, (database) => database.exec("UPDATE objects SET content = substr(content, 2)"));
  await assert.rejects(store.head("a"), damaged);
  withRows(directory, (database) => database.exec("UPDATE objects SET key = 'b'"));
  await assert.rejects(store.head("b"), damaged);
  await store.delete("b");
  assert.equal(await store.head("b"), undefined);
});

test("a range is checked too, and what lies beside the damage can be read", async (t) => {
  const { store, fileOf } = await open(t);
  const content = randomBytes(3 * BLOCK_BYTES + 100);
  await store.put("a", content);
  const read = async (start: number, end: number) => buffer(await store.read("a", { start, end }));
  const ranges = [
    [0, 0],
    [BLOCK_BYTES - 1, BLOCK_BYTES],
    [5, 3 * BLOCK_BYTES + 5],
    [3 * BLOCK_BYTES, content.length - 1],
  ] as const;
  for (const [start, end] of ranges)
    assert.deepEqual(await read(start, end), content.subarray(start, end + 1), `${start}-${end}`);
  await flip(fileOf("a"), BLOCK_BYTES + 7);
  await assert.rejects(read(BLOCK_BYTES, BLOCK_BYTES), damaged);
  await assert.rejects(read(0, content.length - 1), damaged);
  assert.deepEqual(await read(0, 9), content.subarray(0, 10));
  assert.deepEqual(
    await read(2 * BLOCK_BYTES, 2 * BLOCK_BYTES),
    content.subarray(2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 1),
  );
});

test("a listing leaves out what is damaged, names it in the log once, and has the others", async (t) => {
  const directory = await temporaryDirectory(t);
  const lines: string[] = [];
  const log = createLogger({ format: "json", write: (line) => lines.push(line) });
  const store = await openDirectoryStore(directory, { log });
  for (const key of ["a", "b", "c", "d/e"]) await store.put(key, asFile(key));
  await store.put("row", asRow("row"));
  flipInRow(directory, "row", "row".length + 20);
  const file = join(directory, "objects", "b@");
  await flip(file, asFile("b").length + 5);
  // What no program wrote: a directory, which cannot be read as a file, also not by root.
  await rm(join(directory, "objects/d/e@"));
  await mkdir(join(directory, "objects/d/e@"));
  const keys = async (limit: number) => {
    const found: string[] = [];
    for (let after: ListPosition | undefined; ;) {
      const listing = await store.listing({ prefix: "", limit, ...(after && { after }) });
      found.push(...listing.objects.map(({ key }) => key));
      after = listing.next;
      if (after === undefined) return found;
    }
  };
  for (const limit of [1, 2, 1000]) assert.deepEqual(await keys(limit), ["a", "c"], `pages of ${limit}`);
  for (const place of [file, "the row of row in"])
    assert.equal(lines.filter((line) => line.includes(place)).length, 1, place);
  await store.put("b", Buffer.from("new"));
  assert.deepEqual(await keys(1000), ["a", "b", "c"]);
});

test("bytes that the disk does not give are damage, and no error of the server's", async (t) => {
  const { store, fileOf } = await open(t);
  // Too large to be read at once.
  const content = "content".repeat(3_000);
  await store.put("a", Buffer.from(content));
  const handle = await openFile(fileOf("a"));
  const prototype = Object.getPrototypeOf(handle) as { read: () => Promise<never> };
  await handle.close();
  const { mock } = t.mock.method(prototype, "read", async () => {
    throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
  });
  await assert.rejects(store.head("a"), { ...damaged, message: /a@ could not be read: EIO/u });
  assert.deepEqual(await store.list({ prefix: "", limit: 9 }), []);
  mock.restore();
  const object = await store.open("a");
  const again = t.mock.method(prototype, "read", async () => {
    throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
  });
  assert.ok(object);
  await assert.rejects(buffer(object.stream()), damaged);
  again.mock.restore();
  assert.equal(String(await readAll(store, "a")), content);
});

test("the same of a small file, which is read at once", async (t) => {
  const { store, directory } = await open(t);
  await writeAsFile(directory, "a", Buffer.from("content"));
  const { mock } = t.mock.method(fs, "readSync", () => {
    throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
  });
  syncBuiltinESMExports();
  t.after(syncBuiltinESMExports);
  await assert.rejects(store.head("a"), { ...damaged, message: /a@ could not be read: EIO/u });
  mock.restore();
  syncBuiltinESMExports();
  assert.equal(String(await readAll(store, "a")), "content");
});

test("parts are checked, and one that is missing is an error", async (t) => {
  const { store, directory } = await open(t);
  const upload = await store.createUpload({ key: "big", attributes: {} });
  const contents = [randomBytes(BLOCK_BYTES + 3), randomBytes(1000)];
  for (const [index, content] of contents.entries()) await store.putPart(upload, index + 1, content);
  await store.completeUpload(upload, (parts) => ({ parts }));
  assert.deepEqual(await readAll(store, "big"), Buffer.concat(contents));
  const parts = join(directory, "parts", upload.id);
  const [, second] = (await readdir(parts)).toSorted();
  await flip(join(parts, second ?? ""), 500);
  await assert.rejects(readAll(store, "big"), damaged);
  await rm(join(parts, second ?? ""));
  await assert.rejects(readAll(store, "big"), { ...damaged, message: /is gone/u });
  await store.put("big", Buffer.from("new"));
  assert.equal(String(await readAll(store, "big")), "new");
});

test("a client gets an error, or a connection that is cut before the damage", async (t) => {
  const server = await open(t);
  const { store, directory, fileOf } = server;
  const ask = (method: string, key: string, headers: Record<string, string> = {}, body = "") =>
    sendSigned(server, { method, path: `/${BUCKET}/${key}`, headers, body });
  await store.put("small", asRow("content"));
  flipInRow(directory, "small", 3);
  await store.put("file", asFile("content"));
  await flip(fileOf("file"), 3);
  for (const [key, place] of [
    ["small", /the row of small in/u],
    ["file", /file@/u],
  ] as const) {
    const answer = await ask("GET", key);
    assert.deepEqual([answer.status, answer.code], [422, "ObjectDamaged"]);
    assert.match(String(answer.body), place);
    const copied = await ask("PUT", "copy", { "x-amz-copy-source": `${BUCKET}/${key}` });
    assert.equal(copied.code, "ObjectDamaged");
    assert.equal((await ask("HEAD", key)).status, 200);
  }

  const content = randomBytes(8 * BLOCK_BYTES);
  await store.put("large", content);
  await flip(fileOf("large"), 6 * BLOCK_BYTES + 1);
  await assert.rejects(ask("GET", "large"), { message: /aborted|hang up|ECONNRESET/u });
  await server.logged("an object is damaged");
  // A client that continues where it was cut gets the error.
  const range = { range: `bytes=${6 * BLOCK_BYTES}-` };
  assert.equal((await ask("GET", "large", range)).code, "ObjectDamaged");
  assert.equal((await ask("GET", "large", { range: "bytes=0-9" })).status, 206);

  assert.equal((await ask("PUT", "small", {}, "new")).status, 200);
  assert.equal(String((await ask("GET", "small")).body), "new");
  assert.equal((await ask("DELETE", "large")).status, 204);
  assert.equal((await ask("GET", "large")).code, "NoSuchKey");
});

test("objects from before there were checksums are read unchecked", async (t) => {
  const { store, directory } = await open(t);
  const json = Buffer.from(JSON.stringify({ key: "old", size: 3, etag: '"e"', modifiedAt: 1 }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  const file = Buffer.concat([Buffer.from("abc"), json, length, Buffer.from("boxkobj1")]);
  await writeFile(join(directory, "objects/old@"), file);
  assert.equal(String(await readAll(store, "old")), "abc");
  for (const other of ["null", "[]", '"text"', "{"]) {
    length.writeUInt32BE(other.length);
    const broken = Buffer.concat([Buffer.from(other), length, Buffer.from("boxkobj1")]);
    await writeFile(join(directory, "objects/old@"), broken);
    await assert.rejects(readAll(store, "old"), damaged, other);
  }
});
