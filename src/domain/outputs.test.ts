import assert from "node:assert/strict";
import { test } from "node:test";
import { outputsUri } from "./outputs.ts";

test("a task's outputs are under a prefix, a trace's at the URI itself, and of none there are none", () => {
  assert.equal(outputsUri("task", "s3://b/r/x/1"), "s3://b/r/x/1/outputs.pb");
  assert.equal(outputsUri("task", "s3://b/r/x/1/"), "s3://b/r/x/1/outputs.pb");
  assert.equal(outputsUri("trace", "s3://b/r/x/outputs.pb"), "s3://b/r/x/outputs.pb");
  for (const kind of ["task", "trace", "condition"] as const) {
    assert.equal(outputsUri(kind, ""), "");
    assert.equal(outputsUri(kind, undefined), undefined);
  }
});
