import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ROOT_ACTION } from "../domain/ids.ts";
import { NO_SETTINGS } from "../domain/run.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { createObjectRights } from "./object-rights.ts";
import { newTrace, storeRun } from "../../test/helpers/stored-run.ts";

const keyOf = (run: string) => ({ project: "p", domain: "d", run });

/** Rights in a store with one run that was handed `grants`. */
async function rightsOf(t: TestContext, grants: readonly string[], rawDataPrefix?: string) {
  const store = openSqliteStore(":memory:");
  t.after(() => store.close());
  const settings = { ...NO_SETTINGS, ...(rawDataPrefix !== undefined && { rawDataPrefix }) };
  const run = { key: keyOf("r1"), settings, baseUri: "s3://b/p/d/runs/r1" };
  await storeRun(store, run, { ...newTrace(ROOT_ACTION), grants });
  return createObjectRights(store, "b");
}

test("a run owns its own prefix and its folder for raw data, and nothing that only begins alike", async (t) => {
  const rights = await rightsOf(t, [], "s3://b/p/d/lake");
  for (const key of ["p/d/runs/r1/a0/1/outputs.pb", "p/d/runs/r1/", "p/d/lake/runs/r1/a0/1/file"])
    assert.ok(await rights.owns(keyOf("r1"), key), key);
  const others = [
    "p/d/runs/r10/a0/1/outputs.pb",
    "p/d/runs/r1",
    "p/d/runs/",
    "p/d/lake/runs/r2/a0/1/file",
    "p/d/lake/runs/r1",
    "p/d/lake/runs/",
    "p/d/lake/r1/file",
    "p/d/lakes/runs/r1/file",
    "p/d/other/runs/r1/file",
    "p/d/runs/r2/lake/runs/r1/file",
    "p/d/lake/runs/r2/runs/r1/file",
    "p/production/runs/r1/file",
    "q/d/lake/runs/r1/file",
    "runs/r1/file",
    "lake",
    "",
  ];
  for (const key of others) assert.ok(!(await rights.owns(keyOf("r1"), key)), key);
  assert.ok(!(await rights.owns(keyOf("nobody"), "p/d/lake/runs/nobody/x")), "of a run that is not there");
});

test("it reads what it was handed: an object, or all below a prefix", async (t) => {
  const rights = await rightsOf(t, ["s3://b/other/file", "s3://b/other/dir/"]);
  for (const key of ["other/file", "other/dir/a", "other/dir/b/c"])
    assert.ok(await rights.mayRead(keyOf("r1"), key), key);
  for (const key of ["other/file2", "other/dirt", "other/"])
    assert.ok(!(await rights.mayRead(keyOf("r1"), key)), key);
  assert.ok(!(await rights.owns(keyOf("r1"), "other/file")), "reading is not owning");
});

test("it hands on what it may read, and no more: not a bucket, not another run, not another store", async (t) => {
  const rights = await rightsOf(t, ["s3://b/other/file"]);
  const mine = ["s3://b/p/d/runs/r1/a0/1/raw/x", "s3://b/p/d/runs/r1/a0/1/", "s3://b/other/file"];
  const others = [
    "s3://b/",
    "s3://b",
    "s3://b/p/d/runs/r2/a0/1/raw/x",
    "s3://c/p/d/runs/r1/x",
    "https://b/x",
  ];
  assert.deepEqual(await rights.readable(keyOf("r1"), [...mine, ...others]), mine);
});
