import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { BoxkiteError, type ErrorCode } from "../domain/errors.ts";
import { ROOT_ACTION } from "../domain/ids.ts";
import { requireAction, requireRun } from "./require.ts";
import { openSqliteStore } from "./sqlite/sqlite-store.ts";
import { storeRun } from "../../test/helpers/stored-run.ts";

const RUN = { project: "p", domain: "d", run: "r1" };
const NO_RUN = { ...RUN, run: "r2" };

/** A store with one run, which has its root action only. */
async function storeWithRun(t: TestContext) {
  const store = openSqliteStore(":memory:");
  t.after(() => store.close());
  await storeRun(store, { key: RUN });
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
