import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { planStages } from "./plan.ts";

const root = join(import.meta.dirname, "../..");

test("files that are named run alone, in their order", () => {
  const stages = planStages(["test/b.test.ts", "src/a.test.ts"], root);
  assert.deepEqual(
    stages.map(({ lanes }) => lanes),
    [
      [{ name: "test/b.test.ts", files: ["test/b.test.ts"], sharesProcess: false }],
      [{ name: "src/a.test.ts", files: ["src/a.test.ts"], sharesProcess: false }],
    ],
  );
});

test("without names every test file runs, once", () => {
  const files = planStages([], root).flatMap(({ lanes }) => lanes.flatMap((lane) => lane.files));
  assert.equal(new Set(files).size, files.length);
  for (const file of ["scripts/testing/plan.test.ts", "test/checkout.test.ts"])
    assert.ok(files.includes(file));
});

test("a stage runs by its name; unit tests share two processes", () => {
  const stages = planStages(["unit"], root);
  assert.deepEqual(
    stages.map(({ name, lanes }) => [name, lanes.map(({ sharesProcess }) => sharesProcess)]),
    [["unit", [true, true]]],
  );
});

test("files that need the container engine run one after the other, beside those that do not", () => {
  const [engine, others] = planStages(["integration"], root)[0]?.lanes ?? [];
  for (const file of [
    "test/executors/container.test.ts",
    "test/e2e/podman.test.ts",
    "test/images/docker.test.ts",
  ])
    assert.ok(engine?.files.includes(file), file);
  for (const file of ["test/e2e/semantics.test.ts", "test/pages/pages.test.ts"])
    assert.ok(others?.files.includes(file), file);
});
