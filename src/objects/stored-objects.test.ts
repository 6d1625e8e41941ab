/** Which of its two kinds an object is: the changes from one to the other, as callers see them and as a crash leaves them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import {
  asFile,
  asRow,
  flipInRow,
  keysOfRows,
  namesOf,
  textOf,
  withRows,
  writeAsFile,
  type ContentOf,
} from "../../test/helpers/object-kinds.ts";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { silentLogger } from "../lib/log.ts";
import { countObjects, openDirectoryStore } from "./directory-store.ts";
import { ObjectFiles } from "./directory/object-files.ts";
import { Uploads } from "./directory/uploads.ts";
import type { Walk } from "./directory/walk.ts";
import type { HostedStore } from "./hosted-store.ts";
import { MOST_SMALL_BYTES } from "./small/small-object.ts";
import { SMALL_OBJECTS_FILE, SmallObjects } from "./small/small-objects.ts";

async function subject(t: TestContext) {
  const directory = await temporaryDirectory(t);
  const open = async (): Promise<HostedStore> => {
    const store = await openDirectoryStore(directory, { log: silentLogger, secret: "of the store" });
    t.after(() => store.close());
    return store;
  };
  return { directory, open, store: await open() };
}

const read = async (store: HostedStore, key: string): Promise<string | undefined> => {
  const content = await store.readAll(key);
  return content && textOf(content);
};

/** Puts an object of two parts. */
async function putInParts(store: HostedStore, key: string, text: string): Promise<void> {
  const upload = await store.createUpload({ key, attributes: {} });
  for (const [index, part] of [text.slice(0, 2), text.slice(2)].entries())
    await store.putPart(upload, index + 1, Buffer.from(part));
  await store.completeUpload(upload, (parts) => ({ parts }));
}

type Put = (store: HostedStore, key: string, text: string) => Promise<unknown>;
const putAs =
  (contentOf: ContentOf): Put =>
  (store, key, text) =>
    store.put(key, contentOf(text));
const PUTS: Readonly<Record<string, Put>> = {
  row: putAs(asRow),
  file: putAs(asFile),
  "object in parts": putInParts,
};

test("what has up to the limit is a row, and more is a file, whatever comes at once", async (t) => {
  const { directory, store } = await subject(t);
  const [most, more] = [randomBytes(MOST_SMALL_BYTES), randomBytes(MOST_SMALL_BYTES + 1)];
  const streamed = (content: Buffer) => Readable.from([content.subarray(0, 9), content.subarray(9)]);
  await store.put("most", most);
  await store.put("more", more);
  await store.put("streamed/most", streamed(most));
  await store.put("streamed/more", streamed(more));
  await store.put("empty", Readable.from([]));
  assert.deepEqual(keysOfRows(directory), ["empty", "most", "streamed/most"]);
  assert.deepEqual((await namesOf(directory)).toSorted(), ["more@", "more@"]);
  for (const [key, content] of [
    ["streamed/most", most],
    ["streamed/more", more],
  ] as const)
    assert.deepEqual(Buffer.from((await store.readAll(key)) ?? []), content);
});

for (const [before, putBefore] of Object.entries(PUTS))
  for (const [after, putAfter] of Object.entries(PUTS))
    test(`a ${after} takes the place of a ${before}, and nothing of that is left`, async (t) => {
      const { directory, store, open } = await subject(t);
      await putBefore(store, "a/b", "before");
      await putAfter(store, "a/b", "after");
      for (const each of [store, await open()]) {
        assert.equal(await read(each, "a/b"), "after");
        assert.equal((await each.list({ prefix: "", limit: 9 })).length, 1);
      }
      assert.deepEqual(keysOfRows(directory), after === "row" ? ["a/b"] : []);
      const files = { row: 0, file: 1, "object in parts": 3 }[after];
      assert.equal((await namesOf(directory)).length, files);
      assert.equal(await countObjects(directory), 1);
      await store.delete("a/b");
      assert.deepEqual([...keysOfRows(directory), ...(await namesOf(directory))], []);
      assert.equal(await store.head("a/b"), undefined);
    });

/** Steps of a change, each of which is made to fail before it does anything: as if the process had ended there. */
type Steps = Record<"put" | "hideFile" | "forgetFile" | "remove" | "place", () => Promise<void>>;
const STEPS = [
  [SmallObjects.prototype as object as Steps, "put"],
  [SmallObjects.prototype as object as Steps, "hideFile"],
  [SmallObjects.prototype as object as Steps, "forgetFile"],
  [SmallObjects.prototype as object as Steps, "remove"],
  [ObjectFiles.prototype as object as Steps, "place"],
  [ObjectFiles.prototype as object as Steps, "remove"],
] as const;

for (const [before, putBefore] of Object.entries(PUTS))
  for (const [after, putAfter] of Object.entries({
    ...PUTS,
    nothing: (store, key) => store.delete(key),
  } as typeof PUTS))
    test(`a crash at any step while a ${before} becomes ${after} leaves one of the two, whole`, async (t) => {
      let stopped = 0;
      for (const [prototype, name] of STEPS) {
        const { directory, store, open } = await subject(t);
        await putBefore(store, "a/b", "before");
        const { mock } = t.mock.method(prototype, name, async () => {
          throw new Error("the process ends here");
        });
        const changed = await putAfter(store, "a/b", "after").then(
          () => true,
          (error: Error) => {
            assert.match(error.message, /the process ends here/u);
            return false;
          },
        );
        mock.restore();
        if (!changed) stopped++;
        const seen = await read(store, "a/b");
        const again = await open();
        assert.equal(await read(again, "a/b"), seen, "the next process sees the same");
        assert.ok(
          seen === "before" || (after === "nothing" ? seen === undefined : seen === "after"),
          `${name}: ${seen}`,
        );
        const listed = (await again.list({ prefix: "", limit: 9 })).map(({ key }) => key);
        assert.deepEqual(listed, seen === undefined ? [] : ["a/b"]);
        // One of the two kinds, and nothing is marked any more.
        const [isRow, isFile] = [
          keysOfRows(directory).length === 1,
          (await namesOf(directory)).includes("b@"),
        ];
        assert.ok(!(isRow && isFile), name);
        withRows(directory, (rows) => assert.deepEqual(rows.prepare("SELECT * FROM hidden_files").all(), []));
        // It can be written and removed again; the parts of uploads that did not end belong to them.
        for (const upload of await again.listUploads("")) await again.abortUpload(upload);
        await again.put("a/b", asFile("later"));
        assert.equal(await read(again, "a/b"), "later");
        await again.delete("a/b");
        assert.deepEqual([...keysOfRows(directory), ...(await namesOf(directory))], [], name);
      }
      assert.ok(stopped > 0);
    });

/** What comes after the commit that decides, for a row that replaces another kind. */
const CLEANUPS = [
  { before: "file", prototype: ObjectFiles.prototype as object, name: "remove" },
  { before: "file", prototype: SmallObjects.prototype as object, name: "forgetFile" },
  { before: "object in parts", prototype: ObjectFiles.prototype as object, name: "remove" },
  { before: "object in parts", prototype: Uploads.prototype as object, name: "discard" },
] as const;

test("an object that is in its place is no failure, whatever is left of the one before", async (t) => {
  for (const { before, prototype, name } of CLEANUPS) {
    const { directory, store, open } = await subject(t);
    await PUTS[before]?.(store, "a/b", "before");
    const failing = t.mock.method(prototype as Steps, name as "remove", async () => {
      throw new BoxkiteError("DATA_DIRECTORY_UNUSABLE", "not now");
    });
    await store.put("a/b", asRow("after"));
    assert.equal(failing.mock.callCount(), 1, name);
    assert.equal(await read(store, "a/b"), "after");
    // Nor does it keep the next process from starting.
    assert.equal(await read(await open(), "a/b"), "after");
    failing.mock.restore();
    const last = await open();
    assert.equal(await read(last, "a/b"), "after");
    assert.deepEqual(await namesOf(directory), [], `${name} of ${before}`);
    withRows(directory, (rows) => assert.deepEqual(rows.prepare("SELECT * FROM hidden_files").all(), []));
  }
});

test("a change is answered before the mark of a hidden file goes", async (t) => {
  const { store } = await subject(t);
  await store.put("a", asFile("before"));
  const { promise, resolve } = Promise.withResolvers<void>();
  t.mock.method(SmallObjects.prototype, "forgetFile", () => promise);
  await store.put("a", asRow("after"));
  resolve();
});

test("conditions and writes once hold across the two kinds", async (t) => {
  const { store } = await subject(t);
  await store.put("file", asFile("x"));
  await store.put("row", asRow("x"));
  for (const [key, contentOf] of [
    ["file", asRow],
    ["row", asFile],
  ] as const) {
    const absent = { condition: { kind: "absent" } } as const;
    await assert.rejects(store.put(key, contentOf("new"), absent), { exists: true });
    await assert.rejects(store.put(key, contentOf("new"), { once: true }), { exists: true });
    const { etag = "" } = (await store.head(key)) ?? {};
    await store.put(key, contentOf("new"), { condition: { kind: "matches", etags: [etag] } });
    assert.equal(await read(store, key), "new");
    const again = await store.put(key, contentOf("new"), { once: true });
    assert.deepEqual(again, await store.head(key));
  }
});

test("a damaged row is replaced by the content that was to be written once", async (t) => {
  const { directory, store } = await subject(t);
  await store.put("a", asRow("x"));
  flipInRow(directory, "a", 0);
  await store.put("a", asRow("x"), { once: true });
  assert.equal(await read(store, "a"), "x");
});

test("puts that come together share a commit, and each is answered after it", async (t) => {
  const { directory, store } = await subject(t);
  const prepared = t.mock.method(DatabaseSync.prototype, "prepare");
  await store.put("first", asRow("x"));
  const commits: string[] = [];
  for (const {
    arguments: [sql],
    result,
  } of prepared.mock.calls) {
    if (sql !== "COMMIT" || result === undefined) continue;
    const run = result.run.bind(result);
    t.mock.method(result, "run", () => {
      commits.push(sql);
      return run();
    });
  }
  const keys = Array.from({ length: 100 }, (_, index) => `k/${index}`);
  await Promise.all(
    keys.map(async (key) => {
      await store.put(key, asRow(key));
      assert.ok(commits.length > 0);
    }),
  );
  assert.ok(commits.length <= 2, `${commits.length} commits`);
  assert.equal(keysOfRows(directory).length, 101);
});

test("objects of an older directory, which are all files, are read, listed, replaced and deleted", async (t) => {
  const { directory, store } = await subject(t);
  for (const key of ["a", "b", "c"])
    await writeAsFile(directory, key, Buffer.from(`old ${key}`), { contentType: "x/y" });
  const again = await openDirectoryStore(directory, { log: silentLogger });
  t.after(() => again.close());
  assert.equal(await read(again, "a"), "old a");
  assert.equal((await again.head("a"))?.contentType, "x/y");
  assert.deepEqual(keysOfRows(directory), [], "they stay where they are");
  await again.put("b", asRow("new"));
  await again.delete("c");
  assert.deepEqual(await Promise.all(["a", "b", "c"].map((key) => read(again, key))), [
    "old a",
    "new",
    undefined,
  ]);
  assert.deepEqual(
    (await again.list({ prefix: "", limit: 9 })).map(({ key }) => key),
    ["a", "b"],
  );
  assert.deepEqual(await namesOf(directory), ["a@"]);
  assert.equal(await countObjects(directory), 2);
  assert.ok(store);
});

test("what becomes a row between the look for one and the look for a file is found", async (t) => {
  const { store } = await subject(t);
  for (const name of ["open", "describe"] as const) {
    await store.put("a", asFile("before"));
    const look = ObjectFiles.prototype[name] as (key: string) => Promise<never>;
    const { mock } = t.mock.method(
      ObjectFiles.prototype,
      name,
      async function (this: ObjectFiles, key: string) {
        mock.restore();
        await store.put("a", asRow("after"));
        return await look.call(this, key);
      },
    );
    if (name === "open") assert.equal(await read(store, "a"), "after");
    else assert.equal((await store.head("a"))?.size, "after".length);
  }
});

test("a listing has what becomes a row after the rows were read, and before the files are", async (t) => {
  const { store } = await subject(t);
  for (const key of ["a/1", "a/2", "b"]) await store.put(key, asFile(key));
  const keys = ObjectFiles.prototype.keys;
  const { mock } = t.mock.method(
    ObjectFiles.prototype,
    "keys",
    async function* (this: ObjectFiles, walk: Walk) {
      for (const key of ["a/1", "a/2", "b"]) await store.put(key, asRow(key));
      yield* keys.call(this, walk);
    },
  );
  const options = { prefix: "", limit: 9 };
  assert.deepEqual(
    (await store.listing(options)).objects.map(({ key }) => key),
    ["a/1", "a/2", "b"],
  );
  mock.restore();
  for (const key of ["a/1", "a/2", "b"]) await store.put(key, asFile(key));
  t.mock.method(ObjectFiles.prototype, "keys", async function* (this: ObjectFiles, walk: Walk) {
    for (const key of ["a/1", "a/2", "b"]) await store.put(key, asRow(key));
    yield* keys.call(this, walk);
  });
  const rolledUp = await store.listing({ ...options, delimiter: "/" });
  assert.deepEqual([rolledUp.commonPrefixes, rolledUp.objects.map(({ key }) => key)], [["a/"], ["b"]]);
});

test("a full disk keeps what is there, and is named as for files", async (t) => {
  const { directory, store } = await subject(t);
  await store.put("a", asRow("old"));
  const file = join(directory, SMALL_OBJECTS_FILE);
  const full = Object.assign(new Error("database or disk is full"), {
    code: "ERR_SQLITE_ERROR",
    errcode: 13,
  });
  const prepare = DatabaseSync.prototype.prepare;
  t.mock.method(DatabaseSync.prototype, "prepare", function (this: DatabaseSync, sql: string) {
    if (sql.startsWith("INSERT INTO hidden_files")) throw full;
    return prepare.call(this, sql);
  });
  await store.put("big", asFile("old"));
  await assert.rejects(store.put("big", asRow("new")), {
    code: "DISK_FULL",
    message: new RegExp(`${file}.*disk is full`, "u"),
  });
  assert.equal(await read(store, "big"), "old");
  assert.equal(await read(store, "a"), "old");
});

test("what did not fit on the disk takes no space, and less of it is stored", async (t) => {
  const disk = await temporaryDirectory(t);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]).status !== 0)
    return t.skip("no file system can be mounted here");
  let store: HostedStore | undefined;
  try {
    store = await openDirectoryStore(disk, { log: silentLogger });
    const put = async (key: string) => store?.put(key, randomBytes(MOST_SMALL_BYTES));
    const burst = await Promise.allSettled(Array.from({ length: 200 }, (_, index) => put(`burst/${index}`)));
    for (const each of burst) assert.equal(each.status === "rejected" && each.reason.code, "DISK_FULL");
    const log = await stat(join(disk, `${SMALL_OBJECTS_FILE}-wal`));
    assert.equal(log.size, 0);
    const keys = Array.from({ length: 20 }, (_, index) => `few/${index}`);
    await Promise.all(keys.map(put));
    for (const key of keys) await store.delete(key);
    assert.deepEqual(await store.list({ prefix: "", limit: 1 }), []);
  } finally {
    await store?.close();
    spawnSync("umount", [disk]);
  }
});

test("a database of small objects that is gone is named, and not made again", async (t) => {
  const { directory, store } = await subject(t);
  await store.put("a", asRow("x"));
  await rm(join(directory, SMALL_OBJECTS_FILE));
  const gone = {
    code: "DATA_DIRECTORY_UNUSABLE",
    message: /the database of small objects \S+small\.sqlite was removed/u,
  };
  const calls = [
    () => store.readAll("a"),
    () => store.put("b", asRow("x")),
    () => store.check(),
    () => store.list({ prefix: "", limit: 1 }),
  ];
  for (const call of calls) await assert.rejects(call, gone);
});
