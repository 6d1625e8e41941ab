import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { Clock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { createTimers, type Timers, type TimersOptions } from "./timers.ts";

/** Timers without any that are due but for those of `dueTimers`. */
function timersWith(clock: Clock, dueTimers: TimersOptions["work"]["dueTimers"]): Timers {
  return createTimers({
    work: { dueTimers, nextTimer: async () => undefined, nextDelayEnd: async () => undefined },
    apply: async () => undefined,
    beginSleep: async () => undefined,
    onQueueDue: () => {},
    clock,
    log: silentLogger,
  });
}

test("a stop waits for the pass that is in progress: nothing is read or written behind it", async () => {
  const clock = steppedClock();
  const due = Promise.withResolvers<readonly never[]>();
  const timers = timersWith(clock, () => due.promise);
  timers.wake();
  await clock.step(20);
  let isStopped = false;
  const stopping = timers.stop().then(() => (isStopped = true));
  await setImmediate();
  assert.equal(isStopped, false);
  due.resolve([]);
  await stopping;
  timers.wake();
  assert.equal(clock.pending, 0);
});

test("passes follow one another, also where one takes longer than the next is away", async () => {
  const clock = steppedClock();
  let inProgress = 0;
  let most = 0;
  const passes: PromiseWithResolvers<readonly never[]>[] = [];
  const timers = timersWith(clock, async () => {
    most = Math.max(most, ++inProgress);
    const due = Promise.withResolvers<readonly never[]>();
    passes.push(due);
    await due.promise;
    inProgress--;
    return [];
  });
  timers.wake();
  await clock.step(20);
  timers.wake();
  await clock.step(20);
  assert.equal(passes.length, 1);
  passes[0]?.resolve([]);
  await setImmediate();
  assert.equal(passes.length, 2, "the second wake-up is not lost");
  passes[1]?.resolve([]);
  await timers.stop();
  assert.deepEqual([most, inProgress], [1, 0]);
});
