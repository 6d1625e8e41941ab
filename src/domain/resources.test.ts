import assert from "node:assert/strict";
import { test } from "node:test";
import { limitsOf, takes } from "./resources.ts";

test("where only one of request and limit is given, it is both", () => {
  const both = { requests: { memoryBytes: 1 }, limits: { memoryBytes: 4, cpu: 2 } };
  assert.deepEqual([takes(both), limitsOf(both)], [{ memoryBytes: 1, cpu: 2 }, both.limits]);
  const asked = { requests: { memoryBytes: 1, cpu: 0.5, gpu: 1 }, limits: {} };
  assert.deepEqual([takes(asked), limitsOf(asked)], [asked.requests, asked.requests]);
  assert.deepEqual(limitsOf({ requests: {}, limits: {} }), {});
});
