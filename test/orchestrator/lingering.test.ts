/** A task's outputs are written, and its process goes on. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { steppedClock } from "../helpers/stepped-clock.ts";
import { until } from "../helpers/until.ts";
import { orchestratorSubject } from "./subject.ts";

const OUTPUTS = "p/development/runs/r/a0/1/outputs.pb";

async function setUp(t: TestContext) {
  const clock = steppedClock();
  const subject = await orchestratorSubject(t, { clock });
  await subject.createRun("r");
  await subject.reached("r", "running");
  const attempt = async () => {
    const action = await subject.action("r");
    return action && (await subject.store.listAttempts(action))[0];
  };
  const [started] = subject.executor.started;
  assert.ok(started);
  return { ...subject, orchestrator: subject.orchestrator, clock, attempt, started };
}

test("the action succeeds when its outputs are there; a process that goes on is ended a while later", async (t) => {
  const { orchestrator, clock, reached, attempt, started } = await setUp(t);
  orchestrator.objectWritten(OUTPUTS);
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
  const { orchestrator, executor, clock, reached, attempt, started } = await setUp(t);
  orchestrator.objectWritten(OUTPUTS);
  await clock.step(1_000);
  await reached("r", "succeeded");
  executor.end("a0");
  await until(async () => started.released);
  assert.equal(started.stopped, false);
  assert.equal((await attempt())?.exitCode, 0);
});

test("an attempt that ends soon after it wrote is judged by its end, as ever", async (t) => {
  const { orchestrator, executor, clock, reached, attempt } = await setUp(t);
  orchestrator.objectWritten(OUTPUTS);
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

test("what others write, or an attempt that is over, changes nothing", async (t) => {
  const { orchestrator, clock, phase } = await setUp(t);
  for (const key of ["p/development/runs/r/a0/2/outputs.pb", "p/development/uploads/x/outputs.pb", "a"])
    orchestrator.objectWritten(key);
  await clock.step(2_000);
  assert.equal(await phase("r"), "running");
});
