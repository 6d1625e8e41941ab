import assert from "node:assert/strict";
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openStoreDatabase } from "../store/sqlite/store-database.ts";

async function subject(t: TestContext) {
  const parent = await mkdtemp(join(tmpdir(), "boxkite-guard-"));
  const directory = join(parent, "data");
  await mkdir(directory);
  const file = join(directory, "store.sqlite");
  const database = openStoreDatabase(file);
  t.after(async () => {
    database.close();
    await rm(parent, { recursive: true });
  });
  return { database, directory, file };
}

const READ = "SELECT count(*) AS count FROM projects";
const WRITE = "INSERT INTO secrets (name, value) VALUES ('a', 'b')";

const CHANGES: readonly (readonly [
  what: string,
  change: (file: string, directory: string) => Promise<void>,
  message: RegExp,
])[] = [
  [
    "the directory is removed",
    (_, directory) => rm(directory, { recursive: true }),
    /^the data directory \S+data was removed or moved/u,
  ],
  ["the file is removed", (file) => rm(file), /^the store \S+store\.sqlite was removed or moved/u],
  [
    "the write-ahead log is removed",
    (file) => rm(`${file}-wal`),
    /^the store \S+store\.sqlite-wal was removed or moved/u,
  ],
  [
    "the file is replaced",
    async (file) => {
      await copyFile(file, `${file}.copy`);
      await rename(`${file}.copy`, file);
    },
    /^the store \S+ was replaced by another file/u,
  ],
];

for (const [what, change, message] of CHANGES) {
  test(`nothing is read or accepted once ${what}`, async (t) => {
    const { database, directory, file } = await subject(t);
    await database.write(() => database.run(WRITE));
    await change(file, directory);
    const unusable = { code: "DATA_DIRECTORY_UNUSABLE", message };
    assert.throws(() => database.get(READ), unusable);
    assert.throws(() => database.check(), unusable);
    await assert.rejects(
      database.write(() => database.run(WRITE)),
      unusable,
    );
  });
}

test("a file that is moved back is used again, with what was written to it", async (t) => {
  const { database, directory } = await subject(t);
  await rename(directory, `${directory}.moved`);
  assert.throws(() => database.check());
  await rename(`${directory}.moved`, directory);
  await database.write(() => database.run(WRITE));
  assert.equal(database.get("SELECT value FROM secrets")?.["value"], "b");
  assert.ok((await readdir(directory)).includes("store.sqlite-wal"));
});

test("a file that can no longer be written to is reported as such", async (t) => {
  const { database } = await subject(t);
  database.get("PRAGMA query_only = 1");
  await assert.rejects(
    database.write(() => database.run(WRITE)),
    {
      code: "DATA_DIRECTORY_UNUSABLE",
      message: /can no longer be used: attempt to write a readonly database$/u,
    },
  );
});
