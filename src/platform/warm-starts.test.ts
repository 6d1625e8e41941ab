import assert from "node:assert/strict";
import { test } from "node:test";
import { warmStartPolicy } from "./warm-starts.ts";

test("a share is one of the engine's memory, and strict images keep nothing warm", () => {
  const machine = { memoryBytes: 1_000, strictImages: false };
  const warm = { setting: "fork", memory: { share: 0.25 }, workers: 3 } as const;
  assert.deepEqual(warmStartPolicy(warm, machine), { setting: "fork", memoryBytes: 250, workers: 3 });
  assert.equal(warmStartPolicy({ ...warm, memory: { bytes: 7 } }, machine).memoryBytes, 7);
  assert.equal(warmStartPolicy(warm, { ...machine, strictImages: true }).setting, "off");
});
