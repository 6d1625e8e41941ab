import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { Hint } from "./hint.ts";

const never = new AbortController().signal;

test("a hint that comes while nobody waits is not lost, and an end is not hidden by a look", async () => {
  const hint = new Hint(steppedClock());
  hint.give("ended");
  hint.give("look");
  assert.equal(await hint.next(never), "ended");
});

test("without a hint, looking is due after a while", async () => {
  const clock = steppedClock();
  const next = new Hint(clock).next(never, 1_000);
  await clock.step(1_000);
  assert.equal(await next, "look");
  assert.equal(clock.pending, 0);
});

test("who leaves, before or while waiting, takes no hint along", async () => {
  const hint = new Hint(steppedClock());
  await assert.rejects(hint.next(AbortSignal.abort(new Error("left")), 1_000), /left/u);
  const leaving = new AbortController();
  const waiting = hint.next(leaving.signal, 1_000);
  leaving.abort(new Error("left"));
  hint.give("ended");
  await assert.rejects(waiting, /left/u);
  assert.equal(await hint.next(never), "ended");
});
