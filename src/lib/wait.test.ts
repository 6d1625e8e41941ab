import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { createBackoff } from "./backoff.ts";
import { orAborted, within } from "./wait.ts";

test("who waits for work leaves when the signal aborts, and the work goes on", async () => {
  const work = Promise.withResolvers<string>();
  const abort = new AbortController();
  const waiting = orAborted(work.promise, abort.signal);
  abort.abort(new Error("left"));
  await assert.rejects(waiting, /left/u);
  await assert.rejects(orAborted(work.promise, abort.signal), /left/u);
  work.resolve("done");
  assert.equal(await orAborted(work.promise, new AbortController().signal), "done");
});

test("work that fails after nobody waits for it any more is no unhandled rejection", async () => {
  const work = Promise.withResolvers<never>();
  await assert.rejects(orAborted(work.promise, AbortSignal.abort(new Error("left"))), /left/u);
  work.reject(new Error("failed later"));
  await setImmediate();
});

test("work that takes longer than it may is undefined, and leaves no timer", async () => {
  const clock = steppedClock();
  const slow = within(new Promise<string>(() => {}), 100, clock);
  await clock.step(100);
  assert.equal(await slow, undefined);
  assert.equal(await within(Promise.resolve("quick"), 100, clock), "quick");
  assert.equal(clock.pending, 0);
});

test("a backoff waits longer from try to try, at most its cap, and starts anew", async () => {
  const clock = steppedClock(0);
  const backoff = createBackoff({ baseMs: 100, factor: 2, capMs: 300 }, clock);
  const waited: number[] = [];
  for (let tries = 0; tries < 4; tries++) {
    if (tries === 3) backoff.reset();
    const { nextMs } = backoff;
    const wait = backoff.wait();
    await clock.step(nextMs);
    await wait;
    waited.push(nextMs);
  }
  assert.deepEqual(waited, [100, 200, 300, 100]);
});
