/** A task's result is written, and its process goes on. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { NO_RETRIES, type AttemptPolicy } from "../../src/domain/action.ts";
import type { Written } from "../../src/domain/outcome/evidence.ts";
import { createAttemptLogs } from "../../src/logs/attempt-logs.ts";
import { createFakeExecutor, type FakeExecutor } from "../helpers/fake-executor.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { steppedClock } from "../helpers/stepped-clock.ts";
import { until } from "../helpers/until.ts";
import { orchestratorSubject, wrapWork, type OrchestratorSubjectOptions } from "./subject.ts";

const OUTPUTS = "p/development/runs/r/a0/1/outputs.pb";
const ERROR = "p/development/runs/r/a0/1/error.pb";
const FAILED: Written = {
  kind: "error",
  whileLoading: false,
  error: { code: "ValueError", message: "no such thing", kind: "user", recoverable: true },
};

async function setUp(
  t: TestContext,
  options: OrchestratorSubjectOptions = {},
  policy: AttemptPolicy = NO_RETRIES,
) {
  const clock = steppedClock();
  const subject = await orchestratorSubject(t, { clock, ...options });
  await subject.createRun("r", {}, policy);
  await subject.reached("r", "running");
  const attempt = async () => {
    const action = await subject.action("r");
    return action && (await subject.store.listAttempts(action))[0];
  };
  const [started] = subject.executor.started;
  assert.ok(started);
  const objectWritten = async (key: string) => {
    subject.orchestrator.objectWritten(key);
    // What that sets off waits for its time from here on.
    await clock.step(0);
  };
  return { ...subject, objectWritten, clock, attempt, started };
}

test("the action succeeds when its outputs are there; a process that goes on is ended a while later", async (t) => {
  const { objectWritten, clock, reached, attempt, started } = await setUp(t);
  await objectWritten(OUTPUTS);
  await clock.step(1_000);
  await reached("r", "succeeded");
  const living = await attempt();
  assert.deepEqual([living?.outcome, living?.endedAt, living?.exitCode], ["succeeded", undefined, undefined]);
  await clock.step(29_000);
  assert.equal(started.stopped, false);
  await until(async () => (await clock.step(100), started.released));
  assert.equal(started.stopped, true);
  const ended = await attempt();
  assert.deepEqual([ended?.outcome, ended?.exitCode], ["succeeded", 143]);
  assert.notEqual(ended?.endedAt, undefined);
});

test("a process that ends by itself meanwhile is waited for no longer", async (t) => {
  const { objectWritten, executor, clock, reached, attempt, started } = await setUp(t);
  await objectWritten(OUTPUTS);
  await clock.step(1_000);
  await reached("r", "succeeded");
  executor.end("a0");
  await until(async () => started.released);
  assert.equal(started.stopped, false);
  assert.equal((await attempt())?.exitCode, 0);
});

test("an attempt that ends soon after it wrote is judged by its end, as ever", async (t) => {
  const { objectWritten, executor, clock, reached, attempt } = await setUp(t);
  await objectWritten(OUTPUTS);
  await clock.step(500);
  executor.end("a0", { exitCode: 3 });
  await reached("r", "succeeded");
  const ended = await attempt();
  assert.deepEqual([ended?.exitCode, ended?.endedAt === undefined], [3, false]);
});

test("outputs that an earlier server was told of count after a restart", async (t) => {
  const { restart, executor, clock, attempt, started } = await setUp(t);
  await restart();
  await until(async () => (await clock.step(1_000), (await attempt())?.outcome === "succeeded"));
  executor.end("a0");
  await until(async () => started.released);
});

test("an action fails when its error is there, and its log says so; the process is ended later", async (t) => {
  const logs = createAttemptLogs(await temporaryDirectory(t));
  const { objectWritten, clock, reached, attempt, started } = await setUp(t, { written: FAILED, logs });
  await objectWritten(ERROR);
  await clock.step(1_000);
  await reached("r", "failed");
  const living = await attempt();
  assert.deepEqual(
    [living?.outcome, living?.error?.code, living?.endedAt],
    ["failed", "ValueError", undefined],
  );
  await clock.step(29_000);
  assert.equal(started.stopped, false);
  await until(async () => (await clock.step(100), started.released));
  assert.equal((await attempt())?.exitCode, 143);
  const lines = (await Array.fromAsync(logs.read(started.spec.key, {}))).flat().map(({ text }) => text);
  assert.equal(lines[0], "ValueError: no such thing");
  assert.match(lines[1] ?? "", /the process still runs: it is ended in 30 s/u);
  assert.equal(lines.length, 2);
});

test("a process behind an error that is tried again is ended at once, and the retry starts after that", async (t) => {
  const fake = createFakeExecutor();
  let isStopping = false;
  const isEnded = Promise.withResolvers<void>();
  const executor: FakeExecutor = {
    ...fake,
    stop: async (...args) => {
      isStopping = true;
      // It takes some of its grace period.
      await isEnded.promise;
      return fake.stop(...args);
    },
  };
  const logs = createAttemptLogs(await temporaryDirectory(t));
  const policy = { ...NO_RETRIES, userRetries: 1 };
  const options = { written: FAILED, executor, logs };
  const { objectWritten, clock, reached, attempt, started } = await setUp(t, options, policy);
  await objectWritten(ERROR);
  await clock.step(1_000);
  await reached("r", "queued");
  await until(async () => isStopping);
  await clock.step(9_000);
  assert.deepEqual([started.released, executor.started.length], [false, 1]);
  isEnded.resolve();
  await until(async () => (await clock.step(10), executor.started.length === 2));
  assert.deepEqual([started.stopped, started.released], [true, true]);
  const first = await attempt();
  assert.deepEqual([first?.outcome, first?.exitCode], ["failed", 143]);
  const lines = (await Array.fromAsync(logs.read(started.spec.key, {}))).flat().map(({ text }) => text);
  assert.match(lines[1] ?? "", /the process still runs: it is ended before the next attempt$/u);
});

test("the error of the last attempt leaves its process the time that outputs do", async (t) => {
  const policy = { ...NO_RETRIES, userRetries: 1 };
  const { objectWritten, executor, clock, reached } = await setUp(t, { written: FAILED }, policy);
  await objectWritten(ERROR);
  await until(async () => (await clock.step(100), executor.started.length === 2));
  await reached("r", "running");
  await objectWritten(ERROR.replace("/1/", "/2/"));
  await clock.step(1_000);
  await reached("r", "failed");
  await clock.step(25_000);
  assert.equal(executor.started[1]?.stopped, false);
  await until(async () => (await clock.step(100), executor.started[1]?.released === true));
  assert.equal(executor.started[1]?.stopped, true);
});

test("what the disk lost of a process that still runs is computed again at once", async (t) => {
  const damaged: Written = { kind: "damaged", message: "a file is damaged" };
  const { objectWritten, executor, clock, started } = await setUp(t, { written: damaged });
  await objectWritten(OUTPUTS);
  let steps = 0;
  await until(async () => (steps++, await clock.step(100), executor.started.length === 2));
  assert.deepEqual([started.stopped, started.released], [true, true]);
  // A second for an ordinary end, and one of backoff.
  assert.ok(steps < 100, `${steps / 10} s`);
});

test("a result counts also where the store cannot write at first", async (t) => {
  let failures = 2;
  const wrap = wrapWork((work) => ({
    ...work,
    advance: async (change) => {
      if (change.state.phase === "succeeded" && failures-- > 0) throw new Error("the disk is full");
      return work.advance(change);
    },
  }));
  const { objectWritten, executor, clock, phase, started } = await setUp(t, { wrap });
  await objectWritten(OUTPUTS);
  await until(async () => (await clock.step(100), (await phase("r")) === "succeeded"));
  assert.equal(started.stopped, false);
  executor.end("a0");
  await until(async () => started.released);
});

test("the end of a process behind its result is a change for who watches", async (t) => {
  const { objectWritten, executor, store, clock, reached, attempt, action } = await setUp(t);
  await objectWritten(OUTPUTS);
  await clock.step(1_000);
  await reached("r", "succeeded");
  const before = await action("r");
  const seen: number[] = [];
  store.onChange((changes) => seen.push(...changes.map(({ seq }) => seq)));
  executor.end("a0");
  await until(async () => (await attempt())?.exitCode === 0);
  const after = await action("r");
  assert.ok((after?.seq ?? 0) > (before?.seq ?? 0));
  assert.deepEqual(seen, [after?.seq]);
});

test("what others write, or an attempt that is over, changes nothing", async (t) => {
  const { objectWritten, clock, phase } = await setUp(t);
  for (const key of ["p/development/runs/r/a0/2/outputs.pb", "p/development/uploads/x/outputs.pb", "a"])
    await objectWritten(key);
  await clock.step(2_000);
  assert.equal(await phase("r"), "running");
});
