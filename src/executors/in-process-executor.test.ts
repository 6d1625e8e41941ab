import assert from "node:assert/strict";
import { test } from "node:test";
import { Recorder } from "../../test/executors/recorder.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { AttemptSpec } from "./executor.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { createInProcessExecutor } from "./in-process-executor.ts";

const SPEC: AttemptSpec = {
  key: { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 },
  image: { reference: "work", pinned: "work", digest: "none", source: "host" },
  command: [],
  args: [],
  env: {},
  requests: {},
  limits: {},
  labels: {},
};

/** Work that goes on until it is ended, by the test or by a stop. */
function setUp() {
  const end = Promise.withResolvers<void>();
  const work = {
    reference: "work",
    runs: 0,
    run: async (_: AttemptSpec, __: unknown, signal: AbortSignal) => {
      work.runs++;
      signal.addEventListener("abort", () => end.resolve());
      await end.promise;
    },
  };
  const executor = createInProcessExecutor(work, steppedClock());
  const start = async () => {
    const recorder = new Recorder();
    await executor.start(SPEC, recorder.sink, recorder.observer);
    return recorder;
  };
  return { work, executor, end, start };
}

test("after a second start the end is reported to its observer, and the work is done once", async () => {
  const { work, executor, end, start } = setUp();
  const first = await start();
  const second = await start();
  end.resolve();
  assert.equal((await second.ended).exitCode, 0);
  const third = await start();
  assert.equal((await third.ended).exitCode, 0);
  assert.deepEqual([first.told, second.told], [["started"], ["started", "ended"]]);
  assert.equal(work.runs, 1);
  await executor.close();
});

test("an attempt that is released while it runs is ended, and its end reported", async () => {
  const { executor, start } = setUp();
  const recorder = await start();
  await executor.release(SPEC.key);
  assert.equal(recorder.told.at(-1), "ended");
  assert.deepEqual(await executor.list(), []);
  await executor.release(SPEC.key);
});

test("an executor that was closed reports nothing more", async () => {
  const { executor, start } = setUp();
  const recorder = await start();
  await executor.close();
  assert.deepEqual(recorder.told, ["started"]);
});

test("work that throws is lost, with the error's code and hint", async () => {
  const { executor, end, start } = setUp();
  const recorder = await start();
  end.reject(new BoxkiteError("ENGINE_FAILED", "layer not known", { hint: "run again" }));
  const { reason, code, message, hint } = await recorder.ended;
  assert.deepEqual([reason, code, message, hint], ["lost", "ENGINE_FAILED", "layer not known", "run again"]);
  await executor.close();
});
