/** Delays, time limits and what waits for others, with a clock that the test steps. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { AttemptPolicy, CacheUse } from "../../src/domain/action.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { until } from "../helpers/until.ts";
import { orchestratorSubject, type OrchestratorSubjectOptions } from "./subject.ts";
import { neverBack } from "../../src/lib/clock.ts";
import { steppedClock } from "../helpers/stepped-clock.ts";

const FAILED = { reason: "exited", exitCode: 3, outOfMemory: false } as const;
const LOST = { reason: "lost", outOfMemory: false, message: "the engine went away" } as const;

async function steppedSubject(t: TestContext, options: OrchestratorSubjectOptions = {}) {
  const stepped = steppedClock();
  const clock = options.clock ?? stepped;
  const subject = await orchestratorSubject(t, { ...options, clock });
  const begin = stepped.now();
  /** To a time at which something is due; `early` is asked a moment before. */
  const stepTo = async (at: number, early: () => unknown = () => {}) => {
    await stepped.step(begin + at - 1 - stepped.now());
    await early();
    await stepped.step(1);
  };
  const attempts = (run: string) =>
    subject.executor.started.filter(({ spec }) => spec.key.run === run).map(({ spec }) => spec.key.attempt);
  const end = (run: string, exit: typeof FAILED | typeof LOST) =>
    subject.executor.started.findLast(({ spec }) => spec.key.run === run)?.observer.ended(exit);
  return { ...subject, stepTo, attempts, end };
}

test("retries start after the delay of the backoff, neither earlier nor without it", async (t) => {
  const policy: AttemptPolicy = { userRetries: 2, backoff: { baseMs: 10_000, factor: 3, capMs: 20_000 } };
  const { createRun, reached, stepTo, attempts, end, action } = await steppedSubject(t, {
    written: { kind: "nothing" },
  });
  await createRun("r1", {}, policy);
  await reached("r1", "running");
  end("r1", FAILED);
  await reached("r1", "queued");
  await stepTo(10_000, () => assert.deepEqual(attempts("r1"), [1]));
  await reached("r1", "running");
  end("r1", FAILED);
  await reached("r1", "queued");
  // Three times the first delay, but for the cap.
  await stepTo(30_000, () => assert.deepEqual(attempts("r1"), [1, 2]));
  await reached("r1", "running");
  end("r1", FAILED);
  await reached("r1", "failed");
  assert.equal((await action("r1"))?.state.error?.code, "RetriesExhausted|ExitCode");
});

test("failures of the task and losses of the machinery are counted apart", async (t) => {
  const { createRun, reached, stepTo, attempts, end, action } = await steppedSubject(t, {
    written: { kind: "nothing" },
  });
  await createRun("r1", {}, { userRetries: 1 });
  await reached("r1", "running");
  end("r1", LOST);
  await reached("r1", "queued");
  await stepTo(1_000);
  await reached("r1", "running");
  end("r1", FAILED);
  await until(async () => attempts("r1").length === 3);
  await reached("r1", "running");
  end("r1", LOST);
  await reached("r1", "queued");
  await stepTo(5_000);
  await reached("r1", "running");
  assert.deepEqual(attempts("r1"), [1, 2, 3, 4]);
  const state = (await action("r1"))?.state;
  assert.deepEqual([state?.userFailures, state?.systemFailures], [1, 2]);
});

test("time limits take effect at their time: not earlier, and not later", async (t) => {
  const { createRun, reached, stepTo, action, phase } = await steppedSubject(t);
  await createRun("deadline", {}, { userRetries: 5, deadlineMs: 5_000 });
  await createRun("runtime", {}, { userRetries: 0, maxRuntimeMs: 6_000 });
  for (const run of ["deadline", "runtime"]) await reached(run, "running");
  await stepTo(5_000, async () => assert.equal(await phase("deadline"), "running"));
  await reached("deadline", "timed_out");
  assert.equal((await action("deadline"))?.state.error?.code, "DEADLINE_EXCEEDED");
  await stepTo(6_000, async () => assert.equal(await phase("runtime"), "running"));
  await reached("runtime", "timed_out");
  assert.equal((await action("runtime"))?.state.error?.code, "MAX_RUNTIME_EXCEEDED");
});

test("a limit on the wait in the queue counts each wait, and survives a restart", async (t) => {
  const { createRun, reached, restart, stepTo, action, phase } = await steppedSubject(t, {
    written: { kind: "nothing" },
    maxParallel: 2,
    queues: new Map([["one", { name: "one", maxParallel: 1, priority: 0 }]]),
  });
  await createRun("busy", {}, undefined, { queue: "one" });
  await reached("busy", "running");
  await createRun("waits", {}, { userRetries: 3, queuedTimeoutMs: 5_000 }, { queue: "one" });
  await reached("waits", "waiting_for_resources");
  await restart();
  await stepTo(5_000, async () => assert.equal(await phase("waits"), "waiting_for_resources"));
  await reached("waits", "timed_out");
  const state = (await action("waits"))?.state;
  assert.deepEqual(
    [state?.phase, state?.error?.code, state?.attempt, state?.userFailures],
    ["timed_out", "QUEUED_TIMEOUT_EXCEEDED", 0, 0],
  );
});

test("who waits for another's result goes on after a restart, and computes it when the other is lost", async (t) => {
  const cache: CacheUse = { key: "k", serialize: true, overwrite: false, sameProject: false };
  const { executor, createRun, reached, restart, attempts, stepTo, end, action } = await steppedSubject(t, {
    written: { kind: "nothing" },
  });
  await createRun("holder", {}, undefined, { cache });
  await reached("holder", "running");
  await createRun("waiter", {}, undefined, { cache });
  await reached("waiter", "waiting_for_resources");
  assert.equal((await action("waiter"))?.state.reason, "another action computes the same result");
  await restart();
  await until(async () => executor.isWatched("a0"));
  // Between its attempts the holder still holds.
  for (const at of [1_000, 5_000, 21_000]) {
    end("holder", LOST);
    await reached("holder", "queued");
    await stepTo(at);
    await reached("holder", "running");
    assert.deepEqual(attempts("waiter"), []);
  }
  end("holder", LOST);
  await reached("holder", "failed");
  await reached("waiter", "running");
});

const SET_BACK_MS = 14 * 60_000;

test("a clock that is set back while the server runs holds up no retry, no time limit and no new run", async (t) => {
  const stepped = steppedClock();
  let wall = () => stepped.now();
  const clock = { ...stepped, now: neverBack(() => wall(), stepped.now) };
  const subject = await orchestratorSubject(t, { clock, written: { kind: "nothing" } });
  const { createRun, reached, executor } = subject;
  await createRun("limited", {}, { userRetries: 0, maxRuntimeMs: 6_000 });
  await createRun("retried", {}, { userRetries: 1, backoff: { baseMs: 10_000, factor: 1 } });
  for (const run of ["limited", "retried"]) await reached(run, "running");
  wall = () => stepped.now() - SET_BACK_MS;
  executor.started.find(({ spec }) => spec.key.run === "retried")?.observer.ended(FAILED);
  await reached("retried", "queued");
  await createRun("new");
  await reached("new", "running");
  await stepped.step(6_000);
  await reached("limited", "timed_out");
  await stepped.step(4_000);
  await reached("retried", "running");
});

test("a start that an executor tells by a clock that was set back counts from when it was queued", async (t) => {
  const executor = createFakeExecutor();
  const { createRun, reached, action } = await steppedSubject(t, {
    executor: {
      ...executor,
      start: (spec, sink, observer) =>
        executor.start(spec, sink, { ...observer, started: () => observer.started(1_000) }),
    },
  });
  await createRun("r1", {}, { userRetries: 0, maxRuntimeMs: 6_000 });
  await reached("r1", "running");
  const state = (await action("r1"))?.state;
  assert.equal(state?.runningAt, state?.queuedAt);
});

test("a clock that was set back while no server ran holds up nothing: what is left of each wait is left", async (t) => {
  const { createRun, reached, restart, end, attempts } = await steppedSubject(t, {
    written: { kind: "nothing" },
  });
  await createRun("limited", {}, { userRetries: 0, maxRuntimeMs: 6_000 });
  await createRun("retried", {}, { userRetries: 1, backoff: { baseMs: 10_000, factor: 1 } });
  for (const run of ["limited", "retried"]) await reached(run, "running");
  end("retried", FAILED);
  await reached("retried", "queued");
  const later = steppedClock(steppedClock().now() - SET_BACK_MS);
  await restart({ clock: later });
  await later.step(6_000);
  await reached("limited", "timed_out");
  await later.step(3_999);
  assert.deepEqual(attempts("retried"), [1]);
  await later.step(1);
  await reached("retried", "running");
});
