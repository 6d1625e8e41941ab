/** What an executor can say beside start and end: no capacity yet, capacity taken back, more capacity than before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_PROGRAM } from "../helpers/evidence.ts";
import { judge } from "../../src/domain/outcome/judge.ts";
import type { ExpectedAttempts } from "../../src/executors/executor.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { until } from "../helpers/until.ts";
import { orchestratorSubject } from "./subject.ts";

test("an attempt that is preempted starts again as often as it takes, and no failure is counted", async (t) => {
  const written: { kind: "nothing" | "outputs" } = { kind: "nothing" };
  const executor = createFakeExecutor(({ spec, observer }) => {
    const isLast = spec.key.attempt === 5;
    if (isLast) written.kind = "outputs";
    const reason = isLast ? "exited" : "preempted";
    observer.ended({ reason, outOfMemory: false, ...(isLast && { exitCode: 0 }) });
  });
  const subject = await orchestratorSubject(t, { executor, written });
  await subject.createRun("r");
  await subject.reached("r", "succeeded");
  const action = await subject.action("r");
  assert.ok(action);
  assert.deepEqual([action.state.userFailures, action.state.systemFailures], [0, 0]);
  const attempts = await subject.store.listAttempts(action);
  assert.deepEqual(
    attempts.map(({ outcome, error }) => [outcome, error]),
    [...Array.from({ length: 4 }, () => ["preempted", undefined]), ["succeeded", undefined]],
  );
});

test("an attempt that gave its capacity back has not failed, and what it wrote counts first", () => {
  const exit = { reason: "parked", outOfMemory: false, message: "its children run" } as const;
  const image = { reference: "i", source: "registry" } as const;
  const evidence = { exit, image, program: NO_PROGRAM, hasBegun: true, log: [], uploadRefused: undefined };
  const judged = (kind: "nothing" | "outputs") => judge({ ...evidence, written: { kind } });
  assert.deepEqual(judged("nothing"), { kind: "parked", reason: "its children run" });
  assert.deepEqual(judged("outputs"), { kind: "succeeded" });
});

test("why an attempt has no capacity yet is shown while it waits", async (t) => {
  const fake = createFakeExecutor();
  const executor = {
    ...fake,
    start: async (...[, , observer]: Parameters<typeof fake.start>) =>
      observer.waiting("no node has 4 GiB free"),
  };
  const subject = await orchestratorSubject(t, { executor });
  await subject.createRun("r");
  await until(async () => (await subject.action("r"))?.state.reason === "no node has 4 GiB free");
});

test("an executor whose capacity grows gets attempts at once, and hears beforehand of those to come", async (t) => {
  const fake = createFakeExecutor();
  let cpu = 1;
  let grown = () => {};
  const expected: ExpectedAttempts[] = [];
  const executor = Object.defineProperty(
    {
      ...fake,
      onCapacityChange: (listener: () => void) => ((grown = listener), () => {}),
      expect: (demand: ExpectedAttempts) => void expected.push(demand),
    },
    "capacity",
    { get: () => ({ cpu }) },
  );
  const subject = await orchestratorSubject(t, { executor });
  await subject.createRun("first", {}, undefined, { requests: { cpu: 1 } });
  await subject.createRun("second", {}, undefined, { requests: { cpu: 1 } });
  await subject.reached("second", "waiting_for_resources");
  assert.deepEqual(
    expected.map(({ images, requests }) => [images.map(({ reference }) => reference), requests]),
    Array.from({ length: 2 }, () => [["image:1"], { cpu: 1 }]),
  );
  cpu = 2;
  grown();
  await subject.reached("second", "running");
});

test("no attempt is expected of a run whose result is cached", async (t) => {
  const expected: ExpectedAttempts[] = [];
  const executor = { ...createFakeExecutor(), expect: (each: ExpectedAttempts) => void expected.push(each) };
  const subject = await orchestratorSubject(t, { executor });
  const cache = { key: "k", serialize: false, overwrite: false, sameProject: false };
  await subject.createRun("first", {}, undefined, { cache });
  await subject.reached("first", "running");
  executor.end("a0");
  await subject.reached("first", "succeeded");
  await subject.createRun("second", {}, undefined, { cache });
  await subject.reached("second", "succeeded");
  assert.equal(expected.length, 1);
  await subject.createRun("third", {}, undefined, { cache: { ...cache, overwrite: true } });
  assert.equal(expected.length, 2);
});
