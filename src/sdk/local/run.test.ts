import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import type { LocalActionEvent } from "./options.ts";
import { runInProcess } from "./run.ts";
import { definitionOf } from "../authoring/task.ts";
import * as flyte from "../index.ts";
import type { Clock } from "../../lib/clock.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";

test("the signal of an attempt that runs too long is aborted, and its run ends", async () => {
  const clock = steppedClock();
  const env = new flyte.TaskEnvironment({ name: "limits", image: "limits:1" });
  const begun = Promise.withResolvers<AbortSignal>();
  const endless = env.task({ name: "endless", timeout: "1h" }, async (_inputs, { signal }) => {
    begun.resolve(signal);
    await new Promise<never>(() => undefined);
  });
  const timedOut = assert.rejects(runInProcess(definitionOf(endless), {}, { clock }), {
    name: "TaskTimeoutError",
    code: "MAX_RUNTIME_EXCEEDED",
    bound: "maxRuntime",
  });
  const signal = await begun.promise;
  await clock.step(3_599_999);
  assert.equal(signal.aborted, false);
  await clock.step(1);
  await timedOut;
  assert.equal(signal.aborted, true);
});

test("a task without outputs that ends in time has not run out of it", async () => {
  const env = new flyte.TaskEnvironment({ name: "limits", image: "limits:1" });
  const quick = env.task({ name: "quick", timeout: "1h" }, async () => undefined);
  const { outputs } = await runInProcess(definitionOf(quick), {}, { clock: steppedClock() });
  assert.equal(outputs, undefined);
});

test("a retry waits as long as on the server", async () => {
  const clock = steppedClock();
  const begun: number[] = [];
  const started = clock.now();
  const env = new flyte.TaskEnvironment({ name: "limits", image: "limits:1" });
  const retries = { count: 3, backoff: { base: "1m", factor: 3, cap: "2m" } };
  const failing = env.task({ name: "failing", retries }, async () => {
    begun.push(clock.now() - started);
    throw new Error("not yet");
  });
  const failed = assert.rejects(runInProcess(definitionOf(failing), {}, { clock }), /not yet/);
  await clock.step(0);
  for (const wait of [60_000, 120_000, 120_000]) {
    await clock.step(wait - 1);
    const soFar = begun.length;
    await clock.step(1);
    assert.equal(begun.length, soFar + 1);
  }
  await failed;
  assert.deepEqual(begun, [0, 60_000, 180_000, 300_000]);
});

test("a deadline ends the action, also while it waits for its next attempt", async () => {
  const clock = steppedClock();
  const env = new flyte.TaskEnvironment({ name: "limits", image: "limits:1" });
  const retries = { count: 9, backoff: { base: "1m" } };
  const timeout = { deadline: "90s" };
  const events: string[] = [];
  const onAction = ({ phase, attempt }: LocalActionEvent) => events.push(`${attempt} ${phase}`);
  const failing = env.task({ name: "failing", retries, timeout }, async () => {
    throw new Error("not yet");
  });
  const late = assert.rejects(runInProcess(definitionOf(failing), {}, { clock, onAction }), {
    name: "TaskTimeoutError",
    code: "DEADLINE_EXCEEDED",
    bound: "deadline",
  });
  await clock.step(0);
  await clock.step(89_999);
  assert.deepEqual(events, ["1 running", "1 failed", "2 running", "2 failed"]);
  await clock.step(1);
  await late;
  assert.equal(events.at(-1), "2 timed_out");
  const endless = env.task(
    { name: "endless", retries: 2, timeout },
    () => new Promise<void>(() => undefined),
  );
  const cut = assert.rejects(runInProcess(definitionOf(endless), {}, { clock }), { bound: "deadline" });
  await clock.step(0);
  await clock.step(90_000);
  await cut;
});

test("an attempt that ran too long is tried again; a limit of 0 is none", async () => {
  const clock = steppedClock();
  const env = new flyte.TaskEnvironment({ name: "limits", image: "limits:1" });
  const options = { name: "second", retries: 1, output: z.int(), timeout: { maxRuntime: "1s", deadline: 0 } };
  const second = env.task(options, async (_inputs, { attempt }) => {
    if (attempt === 1) await new Promise<never>(() => undefined);
    return attempt;
  });
  const running = runInProcess(definitionOf(second), {}, { clock });
  await clock.step(0);
  await clock.step(1000);
  assert.equal((await running).outputs, 2);
});

test("who aborts a run that waits for its next attempt does not wait for that", async () => {
  const clock = steppedClock();
  const env = new flyte.TaskEnvironment({ name: "limits", image: "limits:1" });
  const failing = env.task({ name: "failing", retries: { count: 1, backoff: { base: "1h" } } }, async () => {
    throw new Error("not yet");
  });
  const abort = new AbortController();
  const stopped = assert.rejects(
    runInProcess(definitionOf(failing), {}, { clock, signal: abort.signal }),
    /stopped by its author/,
  );
  await clock.step(1);
  abort.abort(new Error("stopped by its author"));
  await stopped;
  assert.equal(clock.pending, 0);
});

test("a timer that fires a little early changes nothing", async () => {
  const stepped = steppedClock();
  const early = (ms: number): number => (ms > 1 ? ms - 1 : ms);
  const clock: Clock = {
    ...stepped,
    sleep: (ms, options) => stepped.sleep(early(ms), options),
    timer: (ms, onExpiry) => stepped.timer(early(ms), onExpiry),
  };
  const env = new flyte.TaskEnvironment({ name: "limits", image: "limits:1" });
  const begun: number[] = [];
  const started = clock.now();
  const retries = { count: 9, backoff: { base: "1m" } };
  const timeout = { maxRuntime: "1s", deadline: "90s" };
  const slow = env.task({ name: "slow", retries, timeout }, () => {
    begun.push(clock.now() - started);
    return new Promise<void>(() => undefined);
  });
  const late = assert.rejects(runInProcess(definitionOf(slow), {}, { clock }), { bound: "deadline" });
  await stepped.step(0);
  await stepped.step(90_000);
  await late;
  assert.deepEqual(begun, [0, 61_000]);
});
