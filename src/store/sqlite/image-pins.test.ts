/** What finding a pin costs, by SQLite's query plan: no time is measured. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { queryPlans } from "../../../test/helpers/query-plans.ts";

test("the newest pin is the first of an index, however many runs of other projects use the reference", async (t) => {
  const [plan = []] = await queryPlans(
    t,
    (store) => store.newestPin({ project: "p", domain: "development" }, "python:3.12"),
    "get",
  );
  assert.match(
    plan[0] ?? "",
    /^SEARCH run_images USING INDEX run_images_by_reference \(reference=\? AND project=\? AND domain=\? AND run_id<\?\)$/u,
  );
  assert.ok(!plan.some((detail) => detail.includes("TEMP B-TREE")), plan.join("\n"));
});
