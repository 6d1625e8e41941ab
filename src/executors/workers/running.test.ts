import assert from "node:assert/strict";
import { test } from "node:test";
import { FAKE_SPEC } from "../../../test/helpers/fake-workers.ts";
import type { ResourceAmounts } from "../../domain/task.ts";
import { Running } from "./running.ts";

function attempt(action: string, requests: ResourceAmounts = {}, parent?: string) {
  return { key: { ...FAKE_SPEC.key, action }, requests, ...(parent !== undefined && { parent }) };
}

test("attempts compute on the processors that they have requested, or on one, unless they wait for others", () => {
  const running = new Running();
  assert.equal(running.processors, 0);
  const root = attempt("root", { cpu: 2 });
  running.add(root);
  assert.equal(running.processors, 2);
  running.add(attempt("child", {}, "root"));
  running.add(attempt("idle", { cpu: 0.25 }, "root"));
  assert.equal(running.processors, 1.25);
  running.add(attempt("grandchild", { cpu: 0 }, "child"));
  assert.equal(running.processors, 0.25);
  running.remove(attempt("grandchild").key);
  running.remove(attempt("child").key);
  running.remove(attempt("idle").key);
  assert.equal(running.processors, 2);
});
