/** The status of runs in SQLite: as domain/run-status.ts defines it, and read by indexes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { queryPlans } from "../../../test/helpers/query-plans.ts";
import { actionRecord } from "../../../test/helpers/action-record.ts";
import { isTerminal, PHASES } from "../../domain/phase.ts";
import { RUN_STATUSES, runStatus } from "../../domain/run-status.ts";

test("the view has the status of the definition for every state of a root", (t) => {
  const sqlite = new DatabaseSync(":memory:");
  t.after(() => sqlite.close());
  sqlite.exec(
    "CREATE TABLE actions (run_id INTEGER, name TEXT, phase TEXT, suspended TEXT, ended_at INTEGER)",
  );
  const migration = readFileSync(join(import.meta.dirname, "migrations", "0004_run_status.sql"), "utf8");
  sqlite.exec(migration.slice(0, migration.indexOf(";") + 1));
  const insert = sqlite.prepare("INSERT INTO actions VALUES (?, ?, ?, ?, ?)");
  const status = sqlite.prepare("SELECT status FROM run_statuses WHERE run_id = ?");
  let run = 0;
  for (const phase of PHASES)
    for (const suspended of phase === "waiting_for_resources"
      ? ([undefined, "waiting", "parked"] as const)
      : [undefined])
      for (const isPaused of [false, true]) {
        insert.run(++run, "a0", phase, suspended ?? null, isTerminal(phase) ? 1 : null);
        if (isPaused) insert.run(run, "ask", "paused", null, null);
        const waitsForPerson = isPaused || phase === "paused";
        assert.equal(status.get(run)?.["status"], runStatus({ phase, suspended }, waitsForPerson), phase);
      }
});

test("lists of runs are read in the order of an index, by each status and in all, and counted by one", async (t) => {
  const project = { project: "p", domain: "development" };
  for (const scope of [{}, project]) {
    const filters = [undefined, ...RUN_STATUSES].map((status) =>
      status === undefined ? [] : [{ field: "status", comparison: "=" as const, values: [status] }],
    );
    const plans = await queryPlans(t, async (store) => {
      for (const where of filters)
        for (const token of ["", Buffer.from("[7,7]").toString("base64url")])
          await store.listRuns(scope, { limit: 50, token, where });
      await store.countRuns(scope);
    });
    for (const plan of plans) {
      assert.match(plan[0] ?? "", /^(?:SEARCH|SCAN) runs USING (?:COVERING )?INDEX/u, plan.join("\n"));
      assert.ok(!plan.some((detail) => detail.includes("TEMP B-TREE")), plan.join("\n"));
    }
    assert.match(plans.at(-1)?.[0] ?? "", /COVERING INDEX/u);
  }
});

test("what a run's page shows first is read by indexes, however many actions there are", async (t) => {
  const plans = await queryPlans(t, async (store) => {
    const record = actionRecord(1, "a0");
    await store.children(1, "a0", 7, 10);
    await store.failedChildren(record, 10);
    await store.pausedActions(1, 10);
    await store.waitingActions(1);
  });
  assert.equal(plans.length, 4);
  for (const plan of plans)
    assert.deepEqual(
      plan.filter((detail) => detail.startsWith("SCAN")),
      [],
    );
  for (const plan of plans.slice(0, 3))
    assert.ok(!plan.some((detail) => detail.includes("TEMP B-TREE")), plan.join("\n"));
});
