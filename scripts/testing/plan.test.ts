import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { planStages } from "./plan.ts";

const root = join(import.meta.dirname, "../..");

test("files that are named run alone, in their order", () => {
  const stages = planStages(["test/b.test.ts", "src/a.test.ts"], root);
  assert.deepEqual(
    stages.map(({ processes }) => processes),
    [[["test/b.test.ts"]], [["src/a.test.ts"]]],
  );
});

test("without names every test file runs once, and unit tests share two processes", () => {
  const stages = planStages([], root);
  assert.equal(stages.find(({ name }) => name === "unit")?.processes.length, 2);
  const files = stages.flatMap(({ processes }) => processes.flat());
  assert.equal(new Set(files).size, files.length);
  for (const file of ["scripts/testing/plan.test.ts", "test/checkout.test.ts"])
    assert.ok(files.includes(file));
});

test("a group runs by its name", () => {
  assert.deepEqual(
    planStages(["unit"], root).map(({ name }) => name),
    ["unit"],
  );
});
