import assert from "node:assert/strict";
import { test } from "node:test";
import { LOCAL } from "../domain/principal.ts";
import { NO_SETTINGS } from "../domain/run.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { createAttemptWrites } from "./attempt-writes.ts";
import { newTrace, storeRun } from "../../test/helpers/stored-run.ts";

test("an attempt writes its own results and what its children need, and no result of another", async (t) => {
  const store = openSqliteStore(":memory:");
  t.after(() => store.close());
  const settings = { ...NO_SETTINGS, rawDataPrefix: "s3://b/lake" };
  const { run } = await storeRun(store, { settings, baseUri: "s3://b/p/d/runs/r" });
  await store.createAction(run, newTrace("child", "a0"), LOCAL);
  await store.createAction(run, newTrace("grandchild", "child"), LOCAL);
  const mayWrite = createAttemptWrites(store, "b");
  const attempt = { ...run.key, action: "a0", attempt: 2 };
  const base = "p/d/runs/r";
  const own = [
    `${base}/a0/2/outputs.pb`,
    `${base}/a0/2/raw/x/y`,
    `${base}/child/inputs.pb`,
    `${base}/child/outputs.pb`,
    `${base}/unborn/inputs.pb`,
    `${base}/code.pkl.gz`,
    "lake/runs/r/a0/2/file",
    "elsewhere/file",
  ];
  const others = [
    `${base}/a0/1/outputs.pb`,
    `${base}/a0/02/outputs.pb`,
    `${base}/a0/2`,
    `${base}/a0/inputs.pb`,
    `${base}/child/1/outputs.pb`,
    `${base}/unborn/1/outputs.pb`,
    `${base}/grandchild/inputs.pb`,
    "lake/runs/r/a0/1/file",
    "lake/runs/r/a0/22/file",
    "lake/runs/r/child/1/file",
  ];
  for (const key of own) assert.ok(await mayWrite(attempt, key), key);
  for (const key of others) assert.ok(!(await mayWrite(attempt, key)), key);
});
