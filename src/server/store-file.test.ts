import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { openDirectoryStore } from "../objects/directory-store.ts";
import { SMALL_OBJECTS_FILE } from "../objects/small/small-objects.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { openDataDirectory } from "./data-directory.ts";
import { hasStore, OBJECTS_DIRECTORY, STORE_FILE } from "./store-file.ts";

const SMALL_OBJECTS = ["", "-wal", "-shm"].map((suffix) => SMALL_OBJECTS_FILE + suffix);

interface Data {
  readonly directory: string;
  readonly file: string;
}

/** As after the first start. */
async function dataDirectory(t: TestContext, objects: readonly string[]): Promise<Data> {
  const directory = await temporaryDirectory(t);
  const file = join(directory, STORE_FILE);
  const store = openSqliteStore(file);
  await store.secret("signing", () => "a secret");
  await store.close();
  const blobs = await openDirectoryStore(join(directory, OBJECTS_DIRECTORY));
  for (const key of objects) await blobs.put(key, Buffer.from(key));
  return { directory, file };
}

const LOSSES: readonly { readonly what: string; readonly lose: (data: Data) => Promise<void> }[] = [
  { what: "missing", lose: ({ file }) => rm(file) },
  { what: "empty", lose: ({ file }) => truncate(file, 0) },
  {
    what: "empty",
    lose: async ({ file }) => {
      await rm(file);
      // A database, but without a table.
      const blank = new DatabaseSync(file);
      blank.exec("PRAGMA journal_mode = WAL");
      blank.close();
    },
  },
];

test("a missing store file beside objects is refused, with how to restore it", async (t) => {
  for (const { what, lose } of LOSSES) {
    const data = await dataDirectory(t, ["a", "b/c", "b/c/d"]);
    await lose(data);
    const before = await readFile(data.file).catch(() => undefined);
    for (const open of [() => openDataDirectory(data.directory), () => hasStore(data.directory)]) {
      await assert.rejects(open(), (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, "DATA_DIRECTORY_UNUSABLE");
        assert.match(
          error.message,
          new RegExp(`holds 3 objects, but its store is ${what}: .*${STORE_FILE}`, "u"),
        );
        assert.match(error.hint ?? "", /backup.*move .*objects away.*--data/u);
        return true;
      });
    }
    assert.deepEqual(await readFile(data.file).catch(() => undefined), before, "nothing was made");
    // As the hint says: it is unlocked, and starts once the objects are moved away.
    await rm(join(data.directory, OBJECTS_DIRECTORY), { recursive: true });
    await (await openDataDirectory(data.directory)).close();
  }
});

test("where the database of small objects was lost as well, that is refused, and no store is made", async (t) => {
  const { directory, file } = await dataDirectory(t, ["a"]);
  const objects = join(directory, OBJECTS_DIRECTORY);
  await Promise.all(
    [file, `${file}-wal`, ...SMALL_OBJECTS.map((name) => join(objects, name))].map((path) =>
      rm(path, { force: true }),
    ),
  );
  for (const open of [() => openDataDirectory(directory), () => hasStore(directory)])
    await assert.rejects(open(), {
      code: "DATA_DIRECTORY_UNUSABLE",
      message: /the database of small objects \S+small\.sqlite is missing/u,
      hint: /backup/u,
    });
  assert.ok(!existsSync(file));
});

test("changes that only the write-ahead log has are not thrown away with it", async (t) => {
  const { directory, file } = await dataDirectory(t, []);
  await writeFile(`${file}-wal`, "frames");
  await rm(file);
  await assert.rejects(hasStore(directory), /holds store\.sqlite-wal, but its store is missing/u);
});

test("a directory that nothing was stored in yet is a new one", async (t) => {
  assert.equal(await hasStore(await temporaryDirectory(t)), false);
  const { directory, file } = await dataDirectory(t, []);
  assert.equal(await hasStore(directory), true);
  await rm(file);
  await mkdir(join(directory, "logs"));
  assert.equal(await hasStore(directory), false);
  await writeFile(file, "");
  assert.equal(await hasStore(directory), false);
  await (await openDataDirectory(directory)).close();
});

test("a store that was killed before its first checkpoint is there", async (t) => {
  const { directory, file } = await dataDirectory(t, ["a"]);
  await rm(file);
  const store = openSqliteStore(file);
  t.after(() => store.close());
  await store.secret("signing", () => "a secret");
  assert.equal(await hasStore(directory), true);
});

test("a damaged lock says that it may be removed", async (t) => {
  const { directory } = await dataDirectory(t, []);
  await writeFile(join(directory, "lock.sqlite"), "no database, and longer than a header ".repeat(10));
  await assert.rejects(openDataDirectory(directory), { hint: /remove it, it holds no data/u });
});
