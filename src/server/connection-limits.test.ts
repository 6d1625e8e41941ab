import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_LIMITS, limitsFor } from "./connection-limits.ts";

test("all listeners together leave a quarter of the open files to the rest of the server", () => {
  assert.deepEqual(limitsFor(1, undefined), DEFAULT_LIMITS);
  assert.deepEqual(limitsFor(2, 1_000_000), DEFAULT_LIMITS);
  assert.equal(limitsFor(1, 4_096).maxConnections, 3_072);
  assert.equal(limitsFor(2, 4_096).maxConnections, 1_536);
});

test("connections that are kept without a request leave places to others", () => {
  assert.equal(limitsFor(1, 1_024).keptConnections, 192);
  assert.equal(limitsFor(2, 1_024).keptConnections, 96);
});
