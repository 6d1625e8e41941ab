import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { silentLogger } from "../lib/log.ts";
import { createTimers } from "./timers.ts";

test("a stop waits for the pass that is in progress: nothing is read or written behind it", async () => {
  const clock = steppedClock();
  const due = Promise.withResolvers<readonly never[]>();
  const timers = createTimers({
    work: {
      dueTimers: () => due.promise,
      nextTimer: async () => undefined,
      nextDelayEnd: async () => undefined,
    },
    apply: async () => undefined,
    onQueueDue: () => {},
    clock,
    log: silentLogger,
  });
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
