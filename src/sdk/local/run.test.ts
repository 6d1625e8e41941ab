import assert from "node:assert/strict";
import { test } from "node:test";
import { runInProcess } from "./run.ts";
import { definitionOf } from "../authoring/task.ts";
import * as flyte from "../index.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";

test("an attempt that runs longer than it may is told so, and its run ends", async () => {
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
