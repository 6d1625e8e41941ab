import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { Alarm } from "./alarm.ts";

test("an alarm rings once, at the earliest of the times that were asked for", async () => {
  const clock = steppedClock();
  const startedAt = clock.now();
  const rings: number[] = [];
  const alarm = new Alarm(clock, () => rings.push(clock.now() - startedAt));
  alarm.in(1_000);
  alarm.in(50);
  alarm.in(500);
  await clock.step(2_000);
  assert.deepEqual(rings, [50]);
  alarm.in(100);
  await clock.step(200);
  assert.deepEqual(rings, [50, 2_100]);
  alarm.in(100);
  alarm.cancel();
  await clock.step(200);
  assert.equal(rings.length, 2);
  assert.equal(clock.pending, 0);
});
