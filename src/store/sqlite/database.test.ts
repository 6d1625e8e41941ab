import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { openDatabase } from "./database.ts";
import { openSqliteStore } from "./sqlite-store.ts";

test("the number of statements that are kept is bounded", (t) => {
  const database = openDatabase(":memory:");
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
