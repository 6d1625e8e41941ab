import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { planStages } from "./plan.ts";

const root = join(import.meta.dirname, "../..");

test("files that are named run one after another, in their order", () => {
  assert.deepEqual(planStages(["test/b.test.ts", "src/a.test.ts"], root), [
    { name: "test/b.test.ts", jobs: [{ files: ["test/b.test.ts"], sharesProcess: false }] },
    { name: "src/a.test.ts", jobs: [{ files: ["src/a.test.ts"], sharesProcess: false }] },
  ]);
});

test("without names every test file runs once", () => {
  const files = planStages([], root).flatMap(({ jobs }) => jobs.flatMap((job) => job.files));
  assert.equal(new Set(files).size, files.length);
  for (const file of ["scripts/testing/plan.test.ts", "test/checkout.test.ts"])
    assert.ok(files.includes(file));
});

test("a stage runs by its name; unit tests share two processes", () => {
  const stages = planStages(["unit"], root);
  assert.deepEqual(
    stages.map(({ name, jobs }) => [name, jobs.map(({ sharesProcess }) => sharesProcess)]),
    [["unit", [true, true]]],
  );
});

test("files that need the container engine come first, each in a process of its own", () => {
  const jobs = planStages(["integration"], root)[0]?.jobs ?? [];
  assert.ok(jobs.every(({ files, sharesProcess }) => files.length === 1 && !sharesProcess));
  const files = jobs.flatMap((job) => job.files);
  const engine = [
    "test/executors/container.test.ts",
    "test/e2e/podman.test.ts",
    "test/images/docker.test.ts",
  ];
  const others = ["test/e2e/semantics.test.ts", "test/pages/pages.test.ts"];
  const indices = (names: readonly string[]) => names.map((name) => files.indexOf(name));
  assert.ok(Math.min(...indices(engine)) >= 0);
  assert.ok(Math.max(...indices(engine)) < Math.min(...indices(others)));
});
