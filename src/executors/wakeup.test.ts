import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { Wakeup } from "./wakeup.ts";

const never = new AbortController().signal;

test("a wake-up that comes while nobody waits is not lost, and an end is not hidden by a check", async () => {
  const wakeup = new Wakeup(steppedClock());
  wakeup.notify("ended");
  wakeup.notify("check");
  assert.equal(await wakeup.next(never), "ended");
});

test("without a wake-up, a check is due after a while", async () => {
  const clock = steppedClock();
  const next = new Wakeup(clock).next(never, 1_000);
  await clock.step(1_000);
  assert.equal(await next, "check");
  assert.equal(clock.pending, 0);
});

test("who leaves, before or while waiting, takes no wake-up along", async () => {
  const wakeup = new Wakeup(steppedClock());
  await assert.rejects(wakeup.next(AbortSignal.abort(new Error("left")), 1_000), /left/u);
  const leaving = new AbortController();
  const waiting = wakeup.next(leaving.signal, 1_000);
  leaving.abort(new Error("left"));
  wakeup.notify("ended");
  await assert.rejects(waiting, /left/u);
  assert.equal(await wakeup.next(never), "ended");
});

test("checks are gathered for a while, an end is not: both are left for who waits next", async () => {
  const clock = steppedClock();
  const wakeup = new Wakeup(clock);
  let isOver = false;
  const gathering = wakeup.gather(never, 20).then(() => (isOver = true));
  wakeup.notify("check");
  await clock.step(10);
  assert.equal(isOver, false);
  await clock.step(10);
  await gathering;
  assert.equal(await wakeup.next(never), "check");
  const interrupted = wakeup.gather(never, 20);
  wakeup.notify("ended");
  await interrupted;
  await wakeup.gather(never, 20);
  assert.equal(await wakeup.next(never), "ended");
  assert.equal(clock.pending, 0);
});
