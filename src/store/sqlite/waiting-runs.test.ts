/** What reading the heads of a queue costs, by SQLite's query plan: no time is measured. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { queryPlans } from "../../../test/helpers/query-plans.ts";

test("the heads of a queue are read in the order of an index: no sort of the runs, and no step for a run that is not returned", async (t) => {
  const [plan = [], ...more] = await queryPlans(t, async (store) =>
    (await store.acquire("test")).queueHeads("gpu", 1_000, 100, [7], 50),
  );
  assert.equal(more.length, 0);
  assert.match(
    plan[0] ?? "",
    /^SEARCH waiting_runs USING COVERING INDEX waiting_runs_longest \(queue=\? AND not_before<\?\)$/u,
  );
  assert.deepEqual(
    // The last one counts the runs, up to the limit.
    plan.filter((detail) => detail.startsWith("SCAN") && !/^SCAN (?:json_each|\(subquery)/u.test(detail)),
    [],
  );
  // What was read of one run is put in order, and nothing else.
  assert.deepEqual(
    plan.filter((detail) => detail.includes("TEMP B-TREE")),
    ["USE TEMP B-TREE FOR LAST 2 TERMS OF ORDER BY"],
  );
});
