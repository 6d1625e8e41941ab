/** What finding earlier calls costs, by SQLite's query plan: no time is measured. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { queryPlans } from "../../../test/helpers/query-plans.ts";
import { IMAGE } from "../../../test/helpers/resolved-image.ts";
import { newRun } from "../../../test/helpers/stored-run.ts";
import { newTask } from "../../../test/orchestrator/subject.ts";
import { NO_RETRIES } from "../../domain/action.ts";
import { ROOT_ACTION } from "../../domain/ids.ts";
import { LOCAL } from "../../domain/principal.ts";
import type { Store } from "../store.ts";

const TASK = { project: "p", domain: "d", name: "env.task", version: "1", image: IMAGE.reference };

test("the run of a task is found among the newest of its image, by indices", async (t) => {
  const [plan = []] = await queryPlans(t, (store) => store.calledBefore(TASK, 8), "get");
  const text = plan.join("\n");
  assert.match(
    text,
    /SEARCH run_images USING .*run_images_by_reference \(reference=\? AND project=\? AND domain=\?\)/u,
  );
  assert.match(text, /SEARCH root USING INDEX sqlite_autoindex_actions_1 \(run_id=\? AND name=\?\)/u);
  assert.doesNotMatch(text, /SCAN (?!newest)/u);
});

test("what a run called is read from its oldest actions, by an index", async (t) => {
  const seed = async (store: Store) => {
    const root = newTask(ROOT_ACTION, undefined, { policy: NO_RETRIES }, 1);
    const created = await store.createRun(newRun(), root, [IMAGE]);
    assert.ok(created !== "exists");
    await store.createAction(created.run, newTask("c1", ROOT_ACTION, {}, 1), LOCAL);
    const work = await store.acquire("me");
    const state = { ...created.root.state, phase: "succeeded" as const, endedAt: 2 };
    await work.advance({ action: created.root, state, effects: [], at: 2 });
  };
  const [plan = []] = await queryPlans(t, (store) => store.calledBefore(TASK, 8), "all", seed);
  const text = plan.join("\n");
  assert.match(text, /SEARCH actions USING INDEX actions_by_age \(run_id=\?\)/u);
  assert.match(text, /SEARCH task_specs USING PRIMARY KEY/u);
});
