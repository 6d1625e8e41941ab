/** Named queues and the machine's resources: who may start, who waits, and why. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Queues } from "../../src/domain/queue.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { steppedClock } from "../helpers/stepped-clock.ts";
import { until } from "../helpers/until.ts";
import { NO_LOGS, orchestratorSubject, settle } from "./subject.ts";
import { systemClock } from "../../src/lib/clock.ts";

const QUEUES: Queues = new Map(
  [
    { name: "gpu", maxParallel: 2, priority: 0 },
    { name: "urgent", maxParallel: 4, priority: 10 },
  ].map((queue) => [queue.name, queue]),
);

test("a full queue holds its own actions back, says so, and nobody else's", async (t) => {
  const { executor, createRun, action, reached } = await orchestratorSubject(t, { queues: QUEUES });
  for (const run of ["g1", "g2"]) {
    await createRun(run, {}, undefined, { queue: "gpu" });
    await reached(run, "running");
  }
  await createRun("g3", {}, undefined, { queue: "gpu" });
  await createRun("other");
  await reached("other", "running");
  await reached("g3", "waiting_for_resources");
  assert.equal((await action("g3"))?.state.reason, "waiting: queue gpu is full (2 of 2)");
  assert.equal((await action("g3"))?.state.attempt, 0);
  executor.started.find(({ spec }) => spec.key.run === "g1")?.observer.ended(EXITED);
  await reached("g3", "running");
});

test("of two queues that wait, the one with the higher priority is served first", async (t) => {
  const { executor, createRun, reached } = await orchestratorSubject(t, { queues: QUEUES, maxParallel: 1 });
  await createRun("busy");
  await reached("busy", "running");
  await createRun("early", {}, undefined, { queue: "gpu" });
  await createRun("late", {}, undefined, { queue: "urgent" });
  executor.end("a0");
  await until(async () => executor.started.length === 2);
  assert.equal(executor.started[1]?.spec.key.run, "late");
});

test("of queues with one priority the one with the fewest slots goes first, then who waits the longest", async (t) => {
  const two: Queues = new Map(["a", "b"].map((name) => [name, { name, maxParallel: 4, priority: 0 }]));
  let aheadMs = 0;
  const { executor, createRun } = await orchestratorSubject(t, {
    queues: two,
    maxParallel: 2,
    clock: { ...systemClock, now: () => systemClock.now() + aheadMs },
  });
  const runs = () => executor.started.map(({ spec }) => spec.key.run);
  const backlog = ["", "", "", "", "b", "a", "a"];
  for (const [index, queue] of backlog.entries()) {
    aheadMs += 1_000;
    await createRun(`${queue || "unnamed"}${index}`, {}, undefined, { queue });
  }
  await until(async () => runs().length === 2);
  // Each time one of the unnamed queue ends, and then the one of b.
  for (const ending of ["unnamed0", "unnamed1", "b4"]) {
    const before = runs().length;
    executor.started.find(({ spec }) => spec.key.run === ending)?.observer.ended(EXITED);
    await until(async () => runs().length === before + 1);
  }
  assert.deepEqual(runs().slice(2), ["b4", "unnamed2", "a5"]);
});

test("within a queue the run that has the fewest of its slots goes first", async (t) => {
  const { executor, createRun, addChild, reached } = await orchestratorSubject(t, {
    queues: QUEUES,
    maxParallel: 20,
  });
  // Many attempts outside the queue do not count in it.
  for (const run of ["wide", "narrow"]) {
    await createRun(run);
    await reached(run, "running");
  }
  for (let n = 0; n < 5; n++) await addChild("wide", `w${n}`);
  for (let n = 0; n < 4; n++) await addChild("narrow", `n${n}`, undefined, { queue: "gpu" });
  await reached("narrow", "running", "n1");
  await addChild("wide", "g0", undefined, { queue: "gpu" });
  executor.end("n0");
  await reached("wide", "running", "g0");
});

test("a parent in a queue leaves its slot to the children it awaits", async (t) => {
  const one: Queues = new Map([["one", { name: "one", maxParallel: 1, priority: 0 }]]);
  const { executor, createRun, addChild, reached } = await orchestratorSubject(t, { queues: one });
  await createRun("r1", {}, undefined, { queue: "one" });
  await reached("r1", "running");
  await addChild("r1", "c1", undefined, { queue: "one" });
  await reached("r1", "running", "c1");
  executor.end("c1");
  executor.end("a0");
  await reached("r1", "succeeded");
});

test("who waits in a queue waits in it after a restart, also where its limit changed or it is gone", async (t) => {
  const { executor, createRun, restart, reached, action } = await orchestratorSubject(t, { queues: QUEUES });
  for (const run of ["g1", "g2", "g3"]) await createRun(run, {}, undefined, { queue: "gpu" });
  await reached("g3", "waiting_for_resources");
  await restart({ queues: new Map() });
  const gone = "waiting: queue gpu is not in the server's settings any more";
  await until(async () => (await action("g3"))?.state.reason === gone);
  await restart({ queues: new Map([["gpu", { name: "gpu", maxParallel: 3, priority: 0 }]]) });
  await reached("g3", "running");
  assert.equal(executor.started.length, 3);
});

test("a queue that nobody defined is refused, and those that are there are named", async (t) => {
  const { createRun, addChild, reached } = await orchestratorSubject(t, { queues: QUEUES });
  await assert.rejects(createRun("r1", {}, undefined, { queue: "gpus" }), {
    code: "INVALID_ARGUMENT",
    message: "there is no queue gpus",
    hint: "use one of: gpu, urgent",
  });
  await createRun("r2");
  await reached("r2", "running");
  await assert.rejects(addChild("r2", "c1", undefined, { queue: "fast" }), /no queue fast/u);
});

test("a parent that is tried again finds its child, also where the child's queue is gone", async (t) => {
  const { createRun, addChild, reached, restart } = await orchestratorSubject(t, { queues: QUEUES });
  await createRun("r1");
  await reached("r1", "running");
  await addChild("r1", "known", undefined, { queue: "gpu" });
  await restart({ queues: new Map() });
  await addChild("r1", "known", undefined, { queue: "gpu" });
  await assert.rejects(addChild("r1", "new", undefined, { queue: "gpu" }), /no queue gpu/u);
});

test("a younger action that does not fit does not keep the orchestrator from an older one that does", async (t) => {
  const executor = createFakeExecutor(undefined, { cpu: 4 });
  const { createRun, addChild, phase, reached } = await orchestratorSubject(t, { executor, maxParallel: 2 });
  const small = { requests: { cpu: 1 } };
  await createRun("busy", {}, undefined, small);
  await reached("busy", "running");
  for (const child of ["c1", "c2", "older"]) await addChild("busy", child, undefined, small);
  await reached("busy", "running", "c2");
  await createRun("younger", {}, undefined, { requests: { cpu: 4 } });
  // The one slot that gets free is offered to the run with the fewest attempts first.
  executor.end("c1");
  await reached("busy", "running", "older");
  assert.equal(await phase("younger"), "waiting_for_resources");
});

test("runs at their own limit do not hide the runs behind them, however many they are", async (t) => {
  const clock = steppedClock();
  const { createRun, addChild, phase, executor } = await orchestratorSubject(t, {
    clock,
    logs: NO_LOGS,
    killed: () => true,
    maxParallel: 1_000,
  });
  const full = Array.from({ length: 100 }, (_, n) => `full${n}`);
  for (const run of full) await createRun(run, { maxConcurrency: 1 });
  await settle(clock, () => executor.started.length);
  for (const child of ["runs", "waits"]) {
    await Promise.all(full.map((run) => addChild(run, child)));
    await settle(clock, () => executor.started.length);
  }
  assert.equal(await phase("full0", "waits"), "queued");
  await createRun("behind");
  await settle(clock, () => executor.started.length);
  assert.equal(await phase("behind"), "running");
});

test("nothing is kept for an action that the machine is too small for by now, and it says what it needs", async (t) => {
  let cpu = 4;
  const executor = Object.defineProperty(createFakeExecutor(), "capacity", { get: () => ({ cpu }) });
  const { createRun, reached, action } = await orchestratorSubject(t, { executor });
  await createRun("busy", {}, undefined, { requests: { cpu: 1 } });
  await reached("busy", "running");
  await createRun("large", {}, undefined, { requests: { cpu: 4 } });
  await reached("large", "waiting_for_resources");
  cpu = 2;
  await createRun("small", {}, undefined, { requests: { cpu: 1 } });
  await reached("small", "running");
  assert.equal((await action("large"))?.state.reason, "waiting: needs 4 CPU, 2 CPU free");
});

const EXITED = { reason: "exited", exitCode: 0, outOfMemory: false } as const;
