/** What reading the heads of a queue costs, by SQLite's query plan: no time is measured. */
import assert from "node:assert/strict";
import { DatabaseSync, StatementSync } from "node:sqlite";
import { test } from "node:test";
import { openSqliteStore } from "./sqlite-store.ts";

test("the heads of a queue are read in the order of an index: no sort, and no step for a run that is not returned", async (t) => {
  const databases: DatabaseSync[] = [];
  const read: string[] = [];
  const prepare = DatabaseSync.prototype.prepare;
  t.mock.method(DatabaseSync.prototype, "prepare", function (this: DatabaseSync, sql: string) {
    databases.push(this);
    return prepare.call(this, sql);
  });
  const all = StatementSync.prototype.all as (...values: unknown[]) => unknown;
  t.mock.method(StatementSync.prototype, "all", function (this: StatementSync, ...values: unknown[]) {
    read.push(this.expandedSQL);
    return all.apply(this, values);
  });
  const store = openSqliteStore(":memory:");
  t.after(() => store.close());
  const work = await store.acquire("test");
  await work.queueHeads("gpu", 1_000, 100, [7]);
  const [sql] = read;
  const [database] = databases;
  assert.ok(sql !== undefined && database !== undefined && read.length === 1);
  t.mock.restoreAll();
  const plan = database
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .all()
    .map((row) => String(row["detail"]));
  assert.match(
    plan[0] ?? "",
    /^SEARCH waiting_runs USING COVERING INDEX waiting_runs_longest \(queue=\? AND not_before<\?\)$/u,
  );
  assert.deepEqual(
    plan.filter((detail) => detail.startsWith("SCAN") && !detail.startsWith("SCAN json_each")),
    [],
  );
  assert.ok(!plan.some((detail) => detail.includes("TEMP B-TREE")), plan.join("\n"));
});
