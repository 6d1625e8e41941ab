import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { createPasses } from "./passes.ts";

/** Passes that end when the test says so. */
function subject() {
  const clock = steppedClock();
  const begun: PromiseWithResolvers<void>[] = [];
  const failures: unknown[] = [];
  const passes = createPasses({
    pass: () => {
      const pass = Promise.withResolvers<void>();
      begun.push(pass);
      return pass.promise;
    },
    onFailure: (error) => failures.push(error),
    retryMs: 1_000,
    clock,
  });
  return { passes, clock, begun, failures };
}

test("requests during a pass share the next one, and no two are in progress", async () => {
  const { passes, clock, begun } = subject();
  assert.equal(passes.isBusy, false);
  for (let times = 0; times < 3; times++) passes.request();
  assert.equal(begun.length, 1);
  assert.equal(passes.isBusy, true);
  begun[0]?.resolve();
  await clock.step(0);
  assert.equal(begun.length, 2);
  let isOver = false;
  void passes.current.then(() => (isOver = true));
  await clock.step(0);
  assert.equal(isOver, false);
  begun[1]?.resolve();
  await clock.step(0);
  assert.deepEqual([begun.length, isOver, passes.isBusy], [2, true, false]);
});

test("a pass that fails is followed by another one after a pause, or by one that is requested before", async () => {
  const { passes, clock, begun, failures } = subject();
  passes.request();
  begun[0]?.reject(new Error("disk full"));
  await clock.step(999);
  assert.equal(begun.length, 1);
  await clock.step(1);
  assert.equal(begun.length, 2);
  assert.deepEqual(failures.map(String), ["Error: disk full"]);
  begun[1]?.reject(new Error("disk full"));
  await clock.step(0);
  passes.request();
  assert.equal(begun.length, 3);
});

test("a later request after a delay replaces the earlier one", async () => {
  const { passes, clock, begun } = subject();
  passes.requestIn(10);
  passes.requestIn(20);
  await clock.step(19);
  assert.equal(begun.length, 0);
  await clock.step(1);
  assert.equal(begun.length, 1);
});

test("a stop waits for the pass in progress; none begins after it", async () => {
  const { passes, clock, begun } = subject();
  passes.request();
  passes.request();
  passes.requestIn(10);
  let isStopped = false;
  const stopped = passes.stop().then(() => (isStopped = true));
  await clock.step(100);
  assert.deepEqual([isStopped, passes.isStopped], [false, true]);
  begun[0]?.reject(new Error("disk full"));
  await stopped;
  passes.request();
  passes.requestIn(10);
  await clock.step(10_000);
  assert.equal(begun.length, 1);
  assert.equal(clock.pending, 0);
});
