/** A run in a store, for tests that need one to be there and nothing of it to happen. */
import assert from "node:assert/strict";
import type { ActionRecord, NewAction } from "../../src/domain/action-record.ts";
import { NO_RETRIES } from "../../src/domain/action.ts";
import { ROOT_ACTION } from "../../src/domain/ids.ts";
import { newTaskState } from "../../src/domain/initial-state.ts";
import { EVERYONE, LOCAL } from "../../src/domain/principal.ts";
import { NO_SETTINGS, type NewRun, type RunRecord } from "../../src/domain/run.ts";
import type { Store } from "../../src/store/store.ts";

const NOW = 1_700_000_000_000;

/** Of kind trace, because a task needs a specification. */
export function newTrace(name: string, parent?: string): NewAction {
  return {
    name,
    parent,
    kind: "trace",
    group: "",
    detail: new Uint8Array(),
    displayName: name,
    inputUri: "",
    policy: NO_RETRIES,
    state: newTaskState(NOW),
    grants: [],
  };
}

/** The run r of project p and domain d, but for what is named. */
export function newRun(run: Partial<NewRun> = {}): NewRun {
  return {
    key: { project: "p", domain: "d", run: "r" },
    spec: new Uint8Array(),
    settings: NO_SETTINGS,
    baseUri: "s3://b/r",
    source: "",
    createdAt: NOW,
    createdBy: LOCAL,
    authority: EVERYONE,
    ...run,
  };
}

/** The same in a store, with its root action only. */
export async function storeRun(
  store: Store,
  run: Partial<NewRun> = {},
  root: NewAction = newTrace(ROOT_ACTION),
): Promise<{ readonly run: RunRecord; readonly root: ActionRecord }> {
  const created = await store.createRun(newRun(run), root, []);
  assert.ok(created !== "exists");
  return created;
}
