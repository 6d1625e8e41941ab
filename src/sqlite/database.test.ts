import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync, StatementSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { openStoreDatabase } from "../store/sqlite/store-database.ts";

test("the number of statements that are kept is bounded", (t) => {
  const database = openStoreDatabase(":memory:");
  t.after(() => database.close());
  const prepare = t.mock.method(DatabaseSync.prototype, "prepare");
  const ask = (number: number) => database.get(`SELECT ${number} AS answer`)?.["answer"];
  for (let number = 0; number < 1_000; number++) assert.equal(ask(number), number);
  const before = prepare.mock.callCount();
  assert.equal(ask(999), 999);
  assert.equal(prepare.mock.callCount(), before, "the newest is there");
  assert.equal(ask(0), 0);
  assert.equal(prepare.mock.callCount(), before + 1, "the oldest went");
});

test("lists of values need no statement for each length", async (t) => {
  const store = openSqliteStore(":memory:");
  t.after(() => store.close());
  const names = ["a", "b", "c"];
  for (const id of names) {
    const project = { id, name: id, description: "", labels: {}, state: "active" as const, createdAt: 1 };
    await store.createProject(project);
  }
  const prepare = t.mock.method(DatabaseSync.prototype, "prepare");
  const list = async (comparison: "in" | "notin", values: string[]) => {
    const page = { limit: 10, token: "", where: [{ field: "id", comparison, values }] };
    return (await store.listProjects(page)).items.map(({ id }) => id).toSorted();
  };
  for (let length = 0; length <= names.length; length++) {
    assert.deepEqual(await list("in", names.slice(0, length)), names.slice(0, length));
    assert.deepEqual(await list("notin", names.slice(0, length)), names.slice(length));
  }
  assert.equal(prepare.mock.callCount(), 2);
});

test("changes that share a commit need no savepoints; where one fails, it alone is undone", async (t) => {
  const database = openStoreDatabase(":memory:");
  t.after(() => database.close());
  const prepare = t.mock.method(DatabaseSync.prototype, "prepare");
  const leases = () => database.all("SELECT name FROM leases ORDER BY name").map(({ name }) => name);
  const take = (name: string) =>
    database.run("INSERT INTO leases (name, owner, fence) VALUES (?, 'us', 1)", name);
  const failing = () => {
    take("a");
    throw new Error("not so");
  };
  const savepoints = () =>
    prepare.mock.calls.filter(({ arguments: [sql] }) => sql.startsWith("SAVEPOINT")).length;
  await assert.rejects(database.write(failing), /not so/u);
  await Promise.all(["b", "c"].map((name) => database.write(() => take(name))));
  assert.deepEqual([leases(), savepoints()], [["b", "c"], 0]);
  const changes = [() => take("d"), failing, () => take("e")].map((change) => database.write(change));
  assert.deepEqual(
    (await Promise.allSettled(changes)).map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual([leases(), savepoints()], [["b", "c", "d", "e"], 1]);
});

test("an error that ends the whole transaction is the one that all changes in it fail with", async (t) => {
  const database = openStoreDatabase(":memory:");
  t.after(() => database.close());
  // The present size is the least that is taken.
  database.get("PRAGMA max_page_count = 10");
  const secret = (name: string, bytes: number) =>
    database.write(() => database.run("INSERT INTO secrets VALUES (?, ?)", name, "x".repeat(bytes)));
  const changes = await Promise.allSettled([secret("a", 1), secret("b", 100_000), secret("c", 1)]);
  for (const change of changes)
    assert.equal(change.status === "rejected" && change.reason.code, "DISK_FULL", JSON.stringify(change));
  await secret("a", 1);
  assert.deepEqual(database.all("SELECT name FROM secrets"), [{ __proto__: null, name: "a" }]);
});

test("changes are answered where they cannot be undone either", async (t) => {
  const database = openStoreDatabase(":memory:");
  t.after(() => database.close());
  const run = StatementSync.prototype.run as (...values: unknown[]) => unknown;
  t.mock.method(StatementSync.prototype, "run", function (this: StatementSync, ...values: unknown[]) {
    if (["COMMIT", "ROLLBACK"].includes(this.sourceSQL)) throw new Error(`no ${this.sourceSQL}`);
    return run.apply(this, values);
  });
  const changes = Promise.allSettled([database.write(() => 1), database.write(() => 2)]);
  // The process does not go on: what it read would not be what is on disk.
  assert.throws(() => database.close(), /no ROLLBACK/u);
  for (const change of await changes)
    assert.match(String(change.status === "rejected" && change.reason), /no COMMIT/u);
});

/** Counts commits, each of which takes so many milliseconds; `later` is the only other thing that takes time. */
function commitsOf(t: TestContext, milliseconds = 0) {
  let now = 0;
  let count = 0;
  t.mock.method(performance, "now", () => now);
  const run = StatementSync.prototype.run as (...values: unknown[]) => unknown;
  t.mock.method(StatementSync.prototype, "run", function (this: StatementSync, ...values: unknown[]) {
    if (this.sourceSQL === "COMMIT") {
      count++;
      now += milliseconds;
    }
    return run.apply(this, values);
  });
  return { count: () => count, later: (by: number) => (now += by) };
}

test("a commit waits for others while there is something else to do, but not for long", async (t) => {
  const database = openStoreDatabase(":memory:");
  t.after(() => database.close());
  const commits = commitsOf(t);
  await database.write(() => {});
  assert.equal(commits.count(), 1, "nothing else to do");
  const changes: Promise<void>[] = [];
  for (let turn = 0; turn < 24; turn++) {
    changes.push(database.write(() => {}));
    commits.later(1);
    await nextTurn();
  }
  assert.equal(commits.count(), 1 + 2, "each turn took a millisecond");
  await Promise.all(changes);
  assert.equal(commits.count(), 1 + 3);
});

for (const [took, waits] of [
  [30, 30],
  [1_000, 100],
] as const)
  test(`after a commit of ${took} ms the next waits for ${waits} ms`, async (t) => {
    const database = openStoreDatabase(":memory:");
    t.after(() => database.close());
    const commits = commitsOf(t, took);
    await database.write(() => {});
    const change = database.write(() => {});
    let turns = 0;
    for (; commits.count() === 1; turns++) {
      commits.later(1);
      await nextTurn();
    }
    await change;
    // The first turn after the change sets the time from which a turn is measured.
    assert.ok(Math.abs(turns - waits) <= 1, `${turns} turns`);
  });

test("a value of a transaction is read once in it, and again in the next one", async (t) => {
  const database = openStoreDatabase(":memory:");
  t.after(() => database.close());
  let reads = 0;
  const count = database.ofTransaction(() => ++reads);
  const asked = Promise.all([database.write(() => count.value), database.write(() => count.value)]);
  assert.deepEqual(await asked, [1, 1]);
  assert.equal(await database.write(() => count.value), 2);
  const forgotten = database.write(() => {
    const before = count.value;
    count.forget();
    return [before, count.value];
  });
  assert.deepEqual(await forgotten, [3, 4]);
  // All is done again beside one that fails: what a transaction that was undone had read does not count.
  const [failed, asks] = await Promise.allSettled([
    database.write(() => {
      throw new Error(`read ${count.value}`);
    }),
    database.write(() => count.value),
  ]);
  assert.match(String(failed.status === "rejected" && failed.reason), /read 6/u);
  assert.deepEqual(asks, { status: "fulfilled", value: 6 });
});

test("a damaged file is refused, whatever is wrong with it", async (t) => {
  const directory = await temporaryDirectory(t);
  const whole = join(directory, "whole.sqlite");
  const store = openSqliteStore(whole);
  for (let number = 0; number < 200; number++) await store.secret(`${"name".repeat(20)}${number}`, () => "x");
  await store.close();
  const content = await readFile(whole);
  assert.ok(content.length > 32 * 4096);
  const damages: readonly [what: string, damage: (bytes: Buffer) => Buffer][] = [
    ["garbage", () => Buffer.alloc(content.length, "garbage")],
    ["text", () => Buffer.from("no database at all")],
    ...[1, 50, 99, 100, 512, 4096, 20_000, content.length - 4096].map(
      (length): [string, (bytes: Buffer) => Buffer] => [
        `cut to ${length} bytes`,
        (bytes) => bytes.subarray(0, length),
      ],
    ),
    ["a page of zeros", (bytes) => bytes.fill(0, bytes.length - 4096)],
    ["a page of the schema", (bytes) => bytes.fill(0x5a, 100, 4096)],
  ];
  for (const [what, damage] of damages) {
    const file = join(directory, "damaged.sqlite");
    await writeFile(file, damage(Buffer.from(content)));
    assert.throws(
      () => openStoreDatabase(file),
      (error: Error & { code?: string; hint?: string }) => {
        assert.equal(error.code, "DATA_DIRECTORY_UNUSABLE", `${what}: ${error.message}`);
        assert.match(error.message, /damaged\.sqlite is damaged: /u, what);
        assert.match(error.hint ?? "", /backup/u);
        return true;
      },
      what,
    );
    await Promise.all(["", "-wal", "-shm"].map((suffix) => rm(file + suffix, { force: true })));
  }
});

test("damage that comes later is reported at the first read", async (t) => {
  const directory = await temporaryDirectory(t);
  const file = join(directory, "store.sqlite");
  const database = openStoreDatabase(file);
  t.after(() => database.close());
  await database.write(() => database.run("CREATE TABLE later (value TEXT)"));
  for (const count of [1, 2_000])
    await database.write(() => {
      for (let row = 0; row < count; row++) database.run("INSERT INTO later VALUES (?)", "x".repeat(500));
    });
  database.run("PRAGMA cache_size = 1");
  database.get("PRAGMA wal_checkpoint(TRUNCATE)");
  await writeFile(file, (await readFile(file)).fill(0x5a, 40 * 4096));
  assert.throws(() => database.all("SELECT sum(length(value)) FROM later"), {
    code: "DATA_DIRECTORY_UNUSABLE",
    message: /is damaged/u,
  });
});

test("damage inside a value is reported at the start, and at the first read", async (t) => {
  const file = join(await temporaryDirectory(t), "store.sqlite");
  const store = openSqliteStore(file);
  t.after(() => store.close());
  const project = {
    id: "p",
    name: "p",
    description: "",
    labels: { a: "b" },
    state: "active" as const,
    createdAt: 1,
  };
  await store.createProject(project);
  const other = openStoreDatabase(file);
  t.after(() => other.close());
  other.run("PRAGMA ignore_check_constraints = ON");
  await other.write(() => other.run("UPDATE projects SET labels = replace(labels, ':', '?')"));
  await assert.rejects(async () => store.listProjects({ limit: 10, token: "", where: [] }), {
    code: "DATA_DIRECTORY_UNUSABLE",
    message: /row of the store is damaged/u,
  });
  assert.throws(() => openStoreDatabase(file), {
    code: "DATA_DIRECTORY_UNUSABLE",
    message: /CHECK.*projects/u,
  });
});

test("a file that cannot be opened is reported as such", () => {
  assert.throws(() => openStoreDatabase(import.meta.dirname), {
    code: "DATA_DIRECTORY_UNUSABLE",
    message: /could not be opened/u,
  });
});
