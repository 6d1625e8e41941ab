/** Sleeps: the store keeps their time, and nothing else of the server is taken by them. */
import assert from "node:assert/strict";
import { StatementSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import type { AttemptPolicy, CacheUse } from "../../src/domain/action.ts";
import { LOCAL } from "../../src/domain/principal.ts";
import { steppedClock } from "../helpers/stepped-clock.ts";
import { until } from "../helpers/until.ts";
import { orchestratorSubject, type OrchestratorSubjectOptions } from "./subject.ts";

const sleep = (sleepMs: number, more: Partial<AttemptPolicy> = {}) => ({
  policy: { userRetries: 0, sleepMs, ...more },
});

async function sleepingSubject(t: TestContext, options: OrchestratorSubjectOptions = {}) {
  const clock = steppedClock();
  const subject = await orchestratorSubject(t, { clock, ...options });
  const attemptsOf = async (run: string, name?: string) => {
    const action = await subject.action(run, name);
    assert.ok(action);
    return (await subject.store.listAttempts(action)).map(({ attempt, outcome, startedAt, endedAt }) => ({
      attempt,
      outcome,
      tookMs: endedAt === undefined ? undefined : endedAt - (startedAt ?? 0),
    }));
  };
  return { ...subject, clock, attemptsOf };
}

test("a sleep ends when its time is over, and not before; nothing was started for it", async (t) => {
  const { clock, createRun, phase, action, store, executor, attemptsOf, outbox } = await sleepingSubject(t);
  await createRun("r1", {}, sleep(5_000).policy);
  assert.equal(await phase("r1"), "running");
  await clock.step(4_999);
  assert.equal(await phase("r1"), "running");
  await clock.step(1);
  assert.equal(await phase("r1"), "succeeded");
  assert.deepEqual(await attemptsOf("r1"), [{ attempt: 1, outcome: "succeeded", tookMs: 5_000 }]);
  const { runId } = (await action("r1")) ?? assert.fail();
  assert.deepEqual(await store.runImages(runId), []);
  await until(async () => (await outbox()) === 0);
  assert.equal(executor.started.length, 0);
});

test("a sleep of 0 s has ended when it is accepted", async (t) => {
  const { createRun, addChild, phase, attemptsOf, action } = await sleepingSubject(t);
  await createRun("r1", {}, sleep(0).policy);
  assert.equal(await phase("r1"), "succeeded");
  await createRun("r2");
  await addChild("r2", "c1", "a0", sleep(0));
  assert.equal(await phase("r2", "c1"), "succeeded");
  assert.deepEqual(await attemptsOf("r2", "c1"), [{ attempt: 1, outcome: "succeeded", tookMs: 0 }]);
  assert.equal((await action("r2", "c1"))?.version, 1);
});

test("sleeps take no slot, of the server, a queue or a run, and their parent gives its own back", async (t) => {
  const { createRun, addChild, phase, reached, clock } = await sleepingSubject(t, {
    maxParallel: 1,
    queues: new Map([["small", { name: "small", maxParallel: 1, priority: 0 }]]),
  });
  await createRun("r1", { maxConcurrency: 1 }, undefined, { queue: "small" });
  await reached("r1", "running");
  for (const name of ["c1", "c2", "c3"]) {
    await addChild("r1", name, "a0", { ...sleep(1_000), queue: "small" });
    assert.equal(await phase("r1", name), "running");
  }
  await createRun("r2", {}, undefined, { queue: "small" });
  await reached("r2", "running");
  await clock.step(1_000);
  for (const name of ["c1", "c2", "c3"]) await reached("r1", "succeeded", name);
});

test("a sleep longer than its longest run times out, after its retries", async (t) => {
  const { createRun, clock, action, attemptsOf, phase } = await sleepingSubject(t);
  const backoff = { baseMs: 3_000, factor: 1 };
  await createRun("r1", {}, sleep(10_000, { userRetries: 1, maxRuntimeMs: 2_000, backoff }).policy);
  await clock.step(2_000);
  assert.equal(await phase("r1"), "queued");
  await clock.step(2_999);
  assert.equal(await phase("r1"), "queued");
  await clock.step(1);
  assert.equal(await phase("r1"), "running");
  await clock.step(2_000);
  const { state } = (await action("r1")) ?? assert.fail();
  assert.deepEqual([state.phase, state.error?.code], ["timed_out", "MAX_RUNTIME_EXCEEDED"]);
  assert.deepEqual(await attemptsOf("r1"), [
    { attempt: 1, outcome: "timed_out", tookMs: 2_000 },
    { attempt: 2, outcome: "timed_out", tookMs: 2_000 },
  ]);
});

test("a deadline ends a sleep, and one that ends at its limit has kept it", async (t) => {
  const { createRun, clock, action, phase } = await sleepingSubject(t);
  await createRun("r1", {}, sleep(10_000, { deadlineMs: 2_000 }).policy);
  await createRun("r2", {}, sleep(2_000, { deadlineMs: 2_000, maxRuntimeMs: 2_000 }).policy);
  await clock.step(2_000);
  assert.equal((await action("r1"))?.state.error?.code, "DEADLINE_EXCEEDED");
  assert.equal(await phase("r2"), "succeeded");
});

test("a sleep is aborted, and with its parent", async (t) => {
  const { createRun, addChild, orchestrator, phase, reached, attemptsOf } = await sleepingSubject(t);
  await createRun("r1");
  await reached("r1", "running");
  for (const name of ["c1", "c2"]) await addChild("r1", name, "a0", sleep(60_000));
  const key = { project: "p", domain: "development", run: "r1" };
  await orchestrator.abort({ ...key, action: "c1" }, "enough", LOCAL);
  assert.deepEqual([await phase("r1", "c1"), await phase("r1", "c2")], ["aborted", "running"]);
  assert.deepEqual(
    (await attemptsOf("r1", "c1")).map(({ outcome }) => outcome),
    ["aborted"],
  );
  await orchestrator.abort({ ...key, action: "a0" }, "enough", LOCAL);
  await reached("r1", "aborted", "c2");
});

test("a cached sleep passes its time once; those that wait for it get its result", async (t) => {
  const cache: CacheUse = { key: "k", serialize: true, overwrite: false, sameProject: false };
  const { createRun, clock, action, phase, outbox } = await sleepingSubject(t);
  await createRun("r1", {}, sleep(5_000).policy, { cache });
  await clock.step(20);
  assert.equal(await phase("r1"), "running");
  await createRun("r2", {}, sleep(5_000).policy, { cache });
  await clock.step(20);
  assert.equal(await phase("r2"), "waiting_for_resources");
  await clock.step(5_000);
  assert.equal(await phase("r1"), "succeeded");
  await clock.step(20);
  const { state } = (await action("r2")) ?? assert.fail();
  assert.deepEqual([state.phase, state.cacheStatus, state.attempt], ["succeeded", "hit", 0]);
  await until(async () => (await outbox()) === 0);
});

test("a restart goes on with the sleeps as they are; a clock that was set back makes none longer", async (t) => {
  let killed = false;
  const clock = steppedClock();
  const { createRun, restart, phase } = await orchestratorSubject(t, { clock, killed: () => killed });
  await createRun("r1", {}, sleep(5_000).policy);
  await clock.step(1_000);
  const behind = steppedClock(clock.now() - 3_600_000);
  killed = true;
  const next = await restart({ clock: behind });
  t.after(() => next.stop({ endAttempts: true }));
  await behind.step(20);
  assert.equal(await phase("r1"), "running");
  await behind.step(5_000);
  assert.equal(await phase("r1"), "succeeded");
});

test("sleeps that end together share their commits", async (t) => {
  const { createRun, addChild, clock, reached } = await sleepingSubject(t);
  await createRun("r1");
  await reached("r1", "running");
  const count = 300;
  for (let index = 0; index < count; index++) await addChild("r1", `c${index}`, "a0", sleep(60_000));
  let commits = 0;
  const run = StatementSync.prototype.run as (...values: unknown[]) => ReturnType<StatementSync["run"]>;
  t.mock.method(StatementSync.prototype, "run", function (this: StatementSync, ...values: unknown[]) {
    if (this.sourceSQL === "COMMIT") commits++;
    return run.apply(this, values);
  });
  await clock.step(60_000);
  for (let index = 0; index < count; index++) await reached("r1", "succeeded", `c${index}`);
  t.mock.restoreAll();
  assert.ok(commits > 0 && commits <= 3, `${commits} commits`);
});
