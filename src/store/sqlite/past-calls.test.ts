/** What finding earlier calls costs, by SQLite's query plan: no time is measured. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { queryPlans } from "../../../test/helpers/query-plans.ts";

test("the run of a task is found among the newest of its image, by indices", async (t) => {
  const task = { project: "p", domain: "development", name: "e.t", version: "1", image: "a:1" };
  const [plan = []] = await queryPlans(t, (store) => store.calledBefore(task, 8), "get");
  const text = plan.join("\n");
  assert.match(
    text,
    /SEARCH run_images USING .*run_images_by_reference \(reference=\? AND project=\? AND domain=\?\)/u,
  );
  assert.match(text, /SEARCH root USING INDEX sqlite_autoindex_actions_1 \(run_id=\? AND name=\?\)/u);
  assert.doesNotMatch(text, /SCAN (?!newest)/u);
});
