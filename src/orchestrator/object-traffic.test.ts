import assert from "node:assert/strict";
import { test } from "node:test";
import { createObjectTraffic, type TrafficOf } from "./object-traffic.ts";

const RUN = { project: "p", domain: "d", run: "r" };
const attempt = (action: string, more: Partial<TrafficOf> = {}): TrafficOf => ({
  key: { ...RUN, action, attempt: 1 },
  prefixes: [`s3://b/p/d/runs/r/${action}/1`],
  isTakenUp: false,
  ...more,
});

test("an attempt has begun when its own key has read an object", () => {
  const traffic = createObjectTraffic();
  const [a0, a1] = [traffic.follow(attempt("a0")), traffic.follow(attempt("a1"))];
  assert.deepEqual([a0.hasBegun, a1.hasBegun], [false, false]);
  traffic.read({ ...attempt("a0").key, run: "other" });
  traffic.read({ ...attempt("a0").key, attempt: 2 });
  assert.equal(a0.hasBegun, false, "another attempt");
  traffic.read(attempt("a0").key);
  assert.deepEqual([a0.hasBegun, a1.hasBegun], [true, false]);
});

test("of an attempt that an earlier server started it is not known", () => {
  assert.equal(createObjectTraffic().follow(attempt("a0", { isTakenUp: true })).hasBegun, undefined);
});

test("an upload that was refused counts until the object is written", () => {
  const traffic = createObjectTraffic();
  const a0 = traffic.follow(attempt("a0"));
  const a1 = traffic.follow(attempt("a10"));
  traffic.refused("p/d/runs/r/a0/1/outputs.pb", "DATA_DIRECTORY_UNUSABLE");
  traffic.refused("p/d/runs/r/a0/1/raw/x", "DISK_FULL");
  assert.deepEqual([a0.uploadRefused, a1.uploadRefused], ["DATA_DIRECTORY_UNUSABLE", undefined]);
  traffic.written("p/d/runs/r/a0/1/outputs.pb");
  assert.equal(a0.uploadRefused, "DISK_FULL");
  traffic.written("p/d/runs/r/a0/1/raw/x");
  assert.equal(a0.uploadRefused, undefined);
});

test("nothing is kept of an attempt that is over", () => {
  const traffic = createObjectTraffic();
  const first = traffic.follow(attempt("a0"));
  first.close();
  const second = traffic.follow(attempt("a0"));
  first.close();
  traffic.read(attempt("a0").key);
  assert.deepEqual([first.hasBegun, second.hasBegun], [false, true]);
});
