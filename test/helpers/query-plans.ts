/** How SQLite reads what a store is asked for, by its query plans: no time is measured. */
import { DatabaseSync, StatementSync } from "node:sqlite";
import type { TestContext } from "node:test";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";

/**
 * The plans of the lists, or of the single rows (`get`), that `read` asks the store for, a line per step. The store is empty but
 * for what `seed` writes.
 */
export async function queryPlans(
  t: TestContext,
  read: (store: Store) => Promise<unknown>,
  method: "all" | "get" = "all",
  seed: (store: Store) => Promise<unknown> = async () => {},
): Promise<string[][]> {
  const databases: DatabaseSync[] = [];
  const statements: string[] = [];
  const prepare = DatabaseSync.prototype.prepare;
  t.mock.method(DatabaseSync.prototype, "prepare", function (this: DatabaseSync, sql: string) {
    databases.push(this);
    return prepare.call(this, sql);
  });
  const store = openSqliteStore(":memory:");
  t.after(() => store.close());
  await seed(store);
  const execute = StatementSync.prototype[method] as (...values: unknown[]) => unknown;
  t.mock.method(StatementSync.prototype, method, function (this: StatementSync, ...values: unknown[]) {
    statements.push(this.expandedSQL);
    return execute.apply(this, values);
  });
  await read(store);
  t.mock.restoreAll();
  const [database] = databases;
  if (database === undefined) throw new Error("nothing was read");
  return statements.map((sql) =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => String(row["detail"])),
  );
}
