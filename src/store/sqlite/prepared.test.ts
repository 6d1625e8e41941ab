/** How often SQLite compiles the statements of calls that come again and again. */
import assert from "node:assert/strict";
import { constants, DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { newTrace, storeRun } from "../../../test/helpers/stored-run.ts";
import { LOCAL } from "../../domain/principal.ts";
import { openSqliteStore } from "./sqlite-store.ts";

test("what each call of a task asks for, and each look for work, is compiled once", async (t) => {
  const opened = new Set<DatabaseSync>();
  const prepare = DatabaseSync.prototype.prepare;
  t.mock.method(DatabaseSync.prototype, "prepare", function (this: DatabaseSync, sql: string) {
    opened.add(this);
    return prepare.call(this, sql);
  });
  const store = openSqliteStore(":memory:");
  t.after(() => store.close());
  const { run, root } = await storeRun(store);
  const work = await store.acquire("test");
  let count = 0;
  const call = async () => {
    const name = `c${count++}`;
    await store.isLive({ ...root.key, attempt: count });
    await store.getRun(run.key);
    await store.createAction(run, newTrace(name, root.key.action), LOCAL);
    await store.getAction({ ...run.key, action: name });
    await store.changedChildren(run, root.key.action, 0, 10);
    await work.queueHeads("", Date.now(), 10);
    await work.dueTimers(Date.now(), 10);
    await work.pendingEffects("own", Date.now(), 10);
  };
  let compiled = 0;
  const [database] = opened;
  assert.ok(database);
  database.setAuthorizer((action) => {
    if (action === constants.SQLITE_SELECT || action === constants.SQLITE_INSERT) compiled++;
    return constants.SQLITE_OK;
  });
  // The statements from before are compiled again because of it.
  await call();
  compiled = 0;
  await call();
  assert.equal(compiled, 0);
  database.prepare("SELECT 1");
  assert.equal(compiled, 1, "the method works");
});
