import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { NO_RETRIES } from "../domain/action.ts";
import { BoxkiteError, type ErrorCode } from "../domain/errors.ts";
import { ROOT_ACTION } from "../domain/ids.ts";
import { newTaskState } from "../domain/initial-state.ts";
import { LOCAL } from "../domain/principal.ts";
import { NO_SETTINGS } from "../domain/run.ts";
import { requireAction, requireRun } from "./require.ts";
import { openSqliteStore } from "./sqlite/sqlite-store.ts";

const RUN = { project: "p", domain: "d", run: "r1" };
const NO_RUN = { ...RUN, run: "r2" };

/** A store with one run, which has its root action only. */
async function storeWithRun(t: TestContext) {
  const store = openSqliteStore(":memory:");
  t.after(() => store.close());
  const root = {
    name: ROOT_ACTION,
    kind: "trace" as const,
    group: "",
    displayName: "root",
    inputUri: "",
    policy: NO_RETRIES,
    state: newTaskState(1),
    grants: [],
  };
  const settings = NO_SETTINGS;
  const run = {
    key: RUN,
    spec: new Uint8Array(),
    settings,
    baseUri: "s3://b/r1",
    source: "",
    createdAt: 1,
    createdBy: LOCAL,
  };
  await store.createRun(run, root, []);
  return store;
}

function failure(code: ErrorCode, message: RegExp) {
  return (error: unknown) =>
    error instanceof BoxkiteError && error.code === code && message.test(error.message);
}

test("a run that is there is found; one that is not is named with its project and domain", async (t) => {
  const store = await storeWithRun(t);
  assert.deepEqual((await requireRun(store, RUN)).key, RUN);
  await assert.rejects(requireRun(store, NO_RUN), failure("RUN_NOT_FOUND", /no run r2 in p\/d$/u));
});

test("an action that is there is found; else it is said whether it is the action or the run that is missing", async (t) => {
  const store = await storeWithRun(t);
  const root = { ...RUN, action: ROOT_ACTION };
  assert.deepEqual((await requireAction(store, root)).key, root);
  await assert.rejects(
    requireAction(store, { ...RUN, action: "c1" }),
    failure("ACTION_NOT_FOUND", /no action p\/d\/r1\/c1$/u),
  );
  await assert.rejects(
    requireAction(store, { ...NO_RUN, action: ROOT_ACTION }),
    failure("RUN_NOT_FOUND", /r2/u),
  );
});
