import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { retryIfStorageChanged } from "./storage-retry.ts";

const DISTURBED = "Error: checking if cached image exists from a previous build: layer not known";

test("what a removal disturbs is tried six times, after growing waits", async () => {
  const clock = steppedClock();
  const tries: number[] = [];
  const begin = clock.now();
  let retries = 0;
  const work = async (): Promise<void> => {
    tries.push(clock.now() - begin);
    throw new Error(DISTURBED);
  };
  const done = assert.rejects(retryIfStorageChanged(work, { clock, onRetry: () => retries++ }), {
    message: DISTURBED,
  });
  await clock.step(10_000);
  await done;
  assert.deepEqual(tries, [0, 100, 300, 700, 1_500, 3_100]);
  assert.equal(retries, 5);
});

test("the result of a later try is that of all; another error is not tried again", async () => {
  const clock = steppedClock();
  let tries = 0;
  const result = retryIfStorageChanged(
    async () => {
      if (tries++ === 0) throw new Error(DISTURBED);
      return "done";
    },
    { clock },
  );
  await clock.step(100);
  assert.equal(await result, "done");
  await assert.rejects(
    retryIfStorageChanged(
      async () => {
        tries++;
        throw new Error("manifest unknown");
      },
      { clock },
    ),
    { message: "manifest unknown" },
  );
  assert.equal(tries, 3);
});

test("an abort ends the wait", async () => {
  const clock = steppedClock();
  const controller = new AbortController();
  const work = async (): Promise<void> => {
    throw new Error(DISTURBED);
  };
  const done = assert.rejects(retryIfStorageChanged(work, { clock, signal: controller.signal }), {
    message: "enough",
  });
  await clock.step(0);
  controller.abort(new Error("enough"));
  await done;
  assert.equal(clock.pending, 0);
});
