import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { BoxkiteError } from "../domain/errors.ts";
import { FileArea } from "./directory/file-area.ts";
import { openDirectoryStore } from "./directory-store.ts";
import { asFile, mixed, namesOf, testKinds, textOf } from "../../test/helpers/object-kinds.ts";
import { ConditionFailedError, type HostedStore, type PartInfo } from "./hosted-store.ts";
import { systemClock } from "../lib/clock.ts";
import { createLogger } from "../lib/log.ts";
import { FREED_AT_ONCE_BYTES } from "../lib/remove-tree.ts";

interface Subject {
  readonly store: HostedStore;
  readonly directory: string;
  readonly clock: { time: number; now(): number };
  /** As after a crash: another store over what is on disk. */
  readonly reopen: () => Promise<HostedStore>;
}

async function open(t: TestContext): Promise<Subject> {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-objects-"));
  t.after(() => rm(directory, { recursive: true }));
  const clock = { ...systemClock, time: 1_700_000_000_000, now: (): number => clock.time };
  const store = await openDirectoryStore(directory, { clock });
  return { store, directory, clock, reopen: () => openDirectoryStore(directory, { clock }) };
}

async function readText(store: HostedStore, key: string): Promise<string | undefined> {
  const bytes = await store.readAll(key);
  return bytes && textOf(bytes);
}

testKinds("an object comes back with its attributes, also after a restart", async (t, contentOf) => {
  const { store, clock, reopen } = await open(t);
  const content = contentOf("hello");
  const stored = await store.put("a/b.txt", Readable.from([content.subarray(0, 3), content.subarray(3)]), {
    contentType: "text/plain",
    metadata: { colour: "red" },
    headers: { "cache-control": "no-cache" },
  });
  assert.deepEqual(stored, {
    key: "a/b.txt",
    size: content.length,
    etag: `"${createHash("md5").update(content).digest("hex")}"`,
    modifiedAt: clock.time,
    contentType: "text/plain",
    metadata: { colour: "red" },
    headers: { "cache-control": "no-cache" },
  });
  const again = await reopen();
  assert.deepEqual(await again.head("a/b.txt"), stored);
  assert.deepEqual(await again.list({ prefix: "", limit: 10 }), [stored]);
  assert.equal(await readText(again, "a/b.txt"), "hello");
  assert.equal(String(await buffer(await again.read("a/b.txt", { start: 1, end: 4 }))), "ello");
  const all = await buffer(await again.read("a/b.txt", { start: 1, end: 99_999 }));
  assert.deepEqual(all, content.subarray(1));
});

test("a large object is replaced by a small one, and that by a large one", async (t) => {
  const { store } = await open(t);
  const large = randomBytes(FREED_AT_ONCE_BYTES + 1);
  for (const content of [large, Buffer.from("small"), large]) {
    await store.put("a", content);
    assert.ok(content.equals((await store.readAll("a")) ?? Buffer.alloc(0)));
  }
});

testKinds("what is not there", async (t, contentOf) => {
  const { store } = await open(t);
  const { size } = await store.put("a", contentOf("x"));
  assert.equal(await store.head("b"), undefined);
  assert.equal(await store.readAll("a/b"), undefined);
  await assert.rejects(store.read("b"), { code: "OBJECT_NOT_FOUND" });
  await assert.rejects(store.read("a", { start: size, end: size }), { code: "INVALID_ARGUMENT" });
  await store.delete("b");
});

test("an empty object", async (t) => {
  const { store } = await open(t);
  await store.put("empty", new Uint8Array());
  assert.equal((await store.head("empty"))?.size, 0);
  assert.equal(await readText(store, "empty"), "");
});

testKinds("a key can be the prefix of others, and is deleted without them", async (t, contentOf) => {
  const { store, directory } = await open(t);
  for (const key of ["a", "a/", "a/b", "a/b/c"]) await store.put(key, contentOf(key));
  assert.deepEqual(await keysOf(store, "a"), ["a", "a/", "a/b", "a/b/c"]);
  await store.delete("a/b");
  assert.deepEqual(await keysOf(store, "a"), ["a", "a/", "a/b/c"]);
  for (const key of ["a", "a/", "a/b/c"]) await store.delete(key);
  assert.deepEqual(await readdir(join(directory, "objects")), []);
});

testKinds("a body that fails leaves nothing, and the old object as it was", async (t, contentOf) => {
  const { store, directory } = await open(t);
  await store.put("a", contentOf("old"));
  const before = await namesOf(directory);
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield contentOf("new");
    throw new Error("cable cut");
  };
  await assert.rejects(store.put("a", broken()), /cable cut/);
  const md5 = createHash("md5").update(contentOf("other")).digest();
  await assert.rejects(store.put("a", contentOf("new"), { md5 }), { code: "INVALID_ARGUMENT" });
  assert.equal(await readText(store, "a"), "old");
  assert.deepEqual(await namesOf(directory), before);
  await store.put("a", contentOf("other"), { md5 });
});

test("a full disk is named, for files", async (t) => {
  const { store, directory } = await open(t);
  // What a write to a full disk throws.
  const full = async function* (): AsyncGenerator<Uint8Array> {
    yield asFile("x");
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  };
  await assert.rejects(store.put("a", full()), {
    code: "DISK_FULL",
    message: /its disk is full/,
  });
  assert.deepEqual(await namesOf(directory), []);
});

test("many writers of one key, of rows and files: readers see one of the contents, whole", async (t) => {
  const { store } = await open(t);
  const contents = Array.from({ length: 40 }, (_, index) =>
    Buffer.alloc(index % 3 ? 200 : 200_000, index + 1),
  );
  await store.put("k", Buffer.alloc(200_000, 0));
  const writes = contents.map((content) =>
    store.put("k", Readable.from([content.subarray(0, 7), content.subarray(7)])),
  );
  let isWriting = true;
  const readers = Array.from({ length: 4 }, async () => {
    while (isWriting) {
      const object = await store.open("k");
      assert.ok(object, "at no time there is none");
      const bytes = await buffer(object.stream());
      assert.equal(bytes.length, object.info.size);
      assert.ok(bytes.every((byte) => byte === bytes[0]));
      assert.equal(object.info.etag, `"${createHash("md5").update(bytes).digest("hex")}"`);
      assert.deepEqual(await keysOf(store, ""), ["k"], "nor is there none in a listing");
    }
  });
  await Promise.all(writes);
  isWriting = false;
  await Promise.all(readers);
});

testKinds("puts and deletes in one directory do not disturb each other", async (t, contentOf) => {
  const { store } = await open(t);
  const work = Array.from({ length: 50 }, async (_, index) => {
    for (let round = 0; round < 5; round++) {
      await store.put(`a/b/${index}`, contentOf("x"));
      await store.delete(`a/b/${index}`);
    }
  });
  await Promise.all(work);
  assert.deepEqual(await keysOf(store, ""), []);
});

testKinds("of many who create a key one wins", async (t, contentOf) => {
  const { store } = await open(t);
  const creating = Array.from({ length: 10 }, (_, index) =>
    store.put("k", contentOf(String(index)), { condition: { kind: "absent" } }),
  );
  const results = await Promise.allSettled(creating);
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
  for (const result of results) {
    if (result.status === "rejected")
      assert.ok(result.reason instanceof ConditionFailedError && result.reason.exists);
  }
  const { etag } = (await store.head("k")) ?? {};
  const matches = { kind: "matches", etags: [etag ?? ""] } as const;
  await store.put("k", contentOf("new"), { condition: matches });
  await assert.rejects(store.put("k", contentOf("newer"), { condition: matches }), ConditionFailedError);
  await assert.rejects(store.put("l", contentOf("x"), { condition: matches }), { exists: false });
});

test("listing goes through all keys in byte order, in pages of any size", async (t) => {
  const { store } = await open(t);
  const keys = ["a", "a!", "a/1", "a/2/x", "a/2/y", "a0", "b/c/d/e", "ﬀ", "😀", "z/".repeat(5), "Z"];
  const contentOf = mixed();
  for (const key of keys) await store.put(key, contentOf(key));
  const ordered = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const limit of [1, 2, 3, 100]) {
    const seen: string[] = [];
    for (;;) {
      const startAfter = seen.at(-1);
      const listing = await store.list({
        prefix: "",
        limit,
        ...(startAfter !== undefined && { startAfter }),
      });
      if (listing.length === 0) break;
      seen.push(...listing.map(({ key }) => key));
    }
    assert.deepEqual(seen, ordered);
  }
  assert.deepEqual(await keysOf(store, "a/2"), ["a/2/x", "a/2/y"]);
  assert.deepEqual(await keysOf(store, "a/2/"), ["a/2/x", "a/2/y"]);
  assert.deepEqual(await keysOf(store, "../"), []);
});

test("a delimiter rolls keys up, in pages of any size", async (t) => {
  const { store } = await open(t);
  const contentOf = mixed();
  for (const key of ["a", "b/1", "b/2", "b/c/3", "c-1", "c-2", "d/1"]) await store.put(key, contentOf(key));
  for (const limit of [1, 2, 100]) {
    assert.deepEqual(await rolledUp(store, "", "/", limit), ["a", "b/", "c-1", "c-2", "d/"]);
    assert.deepEqual(await rolledUp(store, "b/", "/", limit), ["b/1", "b/2", "b/c/"]);
    assert.deepEqual(await rolledUp(store, "", "-", limit), ["a", "b/1", "b/2", "b/c/3", "c-", "d/1"]);
  }
});

test("what a crash left of files being written is gone after the next open", async (t) => {
  const { directory, reopen } = await open(t);
  await writeFile(join(directory, ".tmp/half"), "half");
  await reopen();
  assert.deepEqual(await namesOf(directory), []);
});

test("a directory that cannot hold objects is refused in words", async (t) => {
  const { directory } = await open(t);
  const unusable = { code: "DATA_DIRECTORY_UNUSABLE", message: /uploads/u, hint: /--data/u };
  await rm(join(directory, "uploads"), { recursive: true });
  await writeFile(join(directory, "uploads"), "");
  await assert.rejects(openDirectoryStore(directory), unusable);
  await assert.rejects(openDirectoryStore(join(directory, "uploads")), unusable);
});

testKinds("a damaged file is an error, and can be replaced", async (t, contentOf) => {
  const { store, directory } = await open(t);
  await store.put("a", asFile("x"));
  await writeFile(join(directory, "objects/a@"), "not an object");
  await assert.rejects(store.head("a"), { code: "OBJECT_DAMAGED" });
  await store.put("a", contentOf("new"));
  assert.equal(await readText(store, "a"), "new");
});

test("an upload in parts becomes an object of the parts that were chosen", async (t) => {
  const { store, directory, reopen } = await open(t);
  const { parts, content, upload } = await uploadParts(store, "big", 4);
  await store.putPart(upload, 9, Buffer.from("not chosen"));
  const object = await store.completeUpload(upload, () => ({ parts }));
  assert.equal(object?.size, content.length);
  assert.match(object?.etag ?? "", /^"[0-9a-f]{32}-4"$/);
  assert.deepEqual(Buffer.from((await store.readAll("big")) ?? []), content);
  for (const [start, end] of [
    [0, 0],
    [999, 1000],
    [1500, 3200],
    [3999, 3999],
  ] as const) {
    assert.deepEqual(await buffer(await store.read("big", { start, end })), content.subarray(start, end + 1));
  }
  assert.equal(await store.findUpload("big", upload.id), undefined);
  assert.equal(await store.putPart(upload, 1, Buffer.from("too late")), undefined);
  assert.equal(await store.completeUpload(upload, () => ({ parts })), undefined);
  assert.deepEqual(await store.completedBy("big", upload.id), object);
  assert.deepEqual(await (await reopen()).list({ prefix: "", limit: 9 }), [object]);
  assert.equal((await namesOf(directory)).length, 5);
});

for (const [size, replacement, rest] of [
  ["small", Buffer.from("small"), []],
  ["large", asFile("large"), ["big@"]],
] as const)
  test(`a reader keeps the parts of an object that a ${size} one replaced, and then they go`, async (t) => {
    const { store, directory } = await open(t);
    const { parts, content, upload } = await uploadParts(store, "big", 3);
    await store.completeUpload(upload, () => ({ parts }));
    const object = await store.open("big");
    assert.ok(object);
    await store.put("big", replacement);
    assert.deepEqual(await buffer(object.stream()), content);
    await object.close();
    assert.deepEqual(await namesOf(directory), rest);
    const second = await uploadParts(store, "big", 2);
    await store.completeUpload(second.upload, () => ({ parts: second.parts }));
    await store.delete("big");
    assert.deepEqual(await namesOf(directory), []);
  });

test("a crash between completing an upload and tidying up loses neither the object nor space", async (t) => {
  const { store, directory, reopen } = await open(t);
  const { parts, content, upload } = await uploadParts(store, "big", 2);
  await store.completeUpload(upload, () => ({ parts }));
  const journal = join(directory, "uploads", `${upload.id}.json`);
  // As if the journal of the upload had not been removed.
  await writeFile(journal, JSON.stringify({ ...upload, state: "inProgress" }));
  const second = await reopen();
  assert.deepEqual(await readdir(join(directory, "uploads")), []);
  assert.deepEqual(Buffer.from((await second.readAll("big")) ?? []), content);
  // As if the object had been replaced, and its parts not yet removed.
  await second.put("other", Buffer.from("x"));
  await writeFile(journal, JSON.stringify({ ...upload, key: "other", state: "removing" }));
  await reopen();
  assert.deepEqual(await readdir(join(directory, "parts")), []);
  assert.deepEqual(await readdir(join(directory, "uploads")), []);
});

test("a damaged journal of an upload is skipped and logged, and the other uploads go on", async (t) => {
  const { store, directory } = await open(t);
  const { upload, parts, content } = await uploadParts(store, "big", 2);
  const journals = join(directory, "uploads");
  const contents = ["", "{", "null", "{}", JSON.stringify({ ...upload, id: "another", state: "removing" })];
  const files = contents.map((_, index) => join(journals, `${String(index).repeat(32)}.json`));
  for (const [index, file] of files.entries()) await writeFile(file, contents[index] ?? "");
  const lines: string[] = [];
  const log = createLogger({ write: (line) => lines.push(line) });
  const again = await openDirectoryStore(directory, { log });
  assert.deepEqual(await again.listUploads(""), [upload]);
  assert.equal(await again.findUpload("", "0".repeat(32)), undefined);
  for (const file of files) assert.equal(lines.filter((line) => line.includes(file)).length, 1, file);
  await again.completeUpload(upload, () => ({ parts }));
  assert.deepEqual(Buffer.from((await again.readAll("big")) ?? []), content);
});

test("the journal of an upload that cannot be read is skipped, too", async (t) => {
  const { store, directory } = await open(t);
  const upload = await store.createUpload({ key: "a", attributes: {} });
  // Reading a directory fails, also for root.
  const unreadable = join(directory, "uploads", `${"0".repeat(32)}.json`);
  await mkdir(unreadable);
  const lines: string[] = [];
  const again = await openDirectoryStore(directory, {
    log: createLogger({ write: (line) => lines.push(line) }),
  });
  assert.deepEqual(await again.listUploads(""), [upload]);
  assert.equal(lines.filter((line) => line.includes(unreadable)).length, 1);
  await assert.rejects(again.findUpload("a", "0".repeat(32)), { code: "OBJECT_DAMAGED" });
});

test("a part whose upload cannot be read leaves no file behind", async (t) => {
  const { store, directory } = await open(t);
  const upload = await store.createUpload({ key: "k", attributes: {} });
  const journal = join(directory, "uploads", `${upload.id}.json`);
  await rm(journal);
  await mkdir(journal);
  await assert.rejects(store.putPart(upload, 1, Buffer.from("part")), { code: "OBJECT_DAMAGED" });
  assert.deepEqual(await readdir(join(directory, ".tmp")), []);
});

test("a full disk does not keep an object in parts from being removed", async (t) => {
  const { store, directory } = await open(t);
  const { parts, upload } = await uploadParts(store, "big", 2);
  await store.completeUpload(upload, () => ({ parts }));
  t.mock.method(FileArea.prototype, "writeSmall", async () => {
    throw new BoxkiteError("DISK_FULL", "its disk is full");
  });
  await store.delete("big");
  assert.deepEqual(await namesOf(directory), []);
});

test("a damaged object that an upload was to replace does not keep the store closed", async (t) => {
  const { store, directory } = await open(t);
  await store.put("a", asFile("x"));
  const upload = await store.createUpload({ key: "a", attributes: {} });
  await writeFile(join(directory, "objects/a@"), "not an object");
  const lines: string[] = [];
  const again = await openDirectoryStore(directory, {
    log: createLogger({ write: (line) => lines.push(line) }),
  });
  assert.deepEqual(await again.listUploads(""), [upload]);
  assert.match(lines.join(""), /left as it is.*a@ is not an object/u);
});

test("upload ids are not paths", async (t) => {
  const { store } = await open(t);
  for (const id of ["", "../objects/a", "x".repeat(32)])
    assert.equal(await store.findUpload("a", id), undefined);
});

async function keysOf(store: HostedStore, prefix: string): Promise<string[]> {
  return (await store.list({ prefix, limit: 1000 })).map(({ key }) => key);
}

async function rolledUp(
  store: HostedStore,
  prefix: string,
  delimiter: string,
  limit: number,
): Promise<string[]> {
  const names: string[] = [];
  for (let next = undefined as Awaited<ReturnType<HostedStore["listing"]>>["next"]; ;) {
    const listing = await store.listing({ prefix, delimiter, limit, ...(next && { after: next }) });
    assert.ok(listing.objects.length + listing.commonPrefixes.length <= limit);
    names.push(...listing.objects.map(({ key }) => key), ...listing.commonPrefixes);
    next = listing.next;
    if (next === undefined) return names.sort();
  }
}

async function uploadParts(store: HostedStore, key: string, count: number) {
  const upload = await store.createUpload({ key, attributes: { contentType: "text/plain" } });
  const contents = Array.from({ length: count }, () => randomBytes(1000));
  const parts: PartInfo[] = [];
  for (const [index, content] of contents.entries()) {
    const part = await store.putPart(upload, index + 1, content);
    assert.ok(part);
    parts.push(part);
  }
  return { upload, parts, content: Buffer.concat(contents) };
}
