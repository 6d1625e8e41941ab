import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { REMINDERS_MS, remindersUntil } from "./reminders.ts";

async function reminded(next: Promise<unknown>) {
  const clock = steppedClock();
  const seen: string[] = [];
  const done = (async () => {
    for await (const reminder of remindersUntil(next, "reminder", clock)) seen.push(reminder);
  })();
  done.catch(() => {});
  return { clock, seen, done };
}

test("silence is followed by reminders, fewer and fewer", async () => {
  const next = Promise.withResolvers<void>();
  const { clock, seen, done } = await reminded(next.promise);
  for (const [index, ms] of REMINDERS_MS.entries()) {
    assert.equal(seen.length, index);
    await clock.step(ms);
  }
  await clock.step(60_000);
  assert.equal(seen.length, REMINDERS_MS.length);
  next.resolve();
  await done;
  assert.equal(clock.pending, 0);
});

test("nobody is reminded of what comes in time, and what fails is reported", async () => {
  const next = Promise.withResolvers<void>();
  const { clock, seen, done } = await reminded(next.promise);
  await clock.step(100);
  next.resolve();
  await done;
  assert.deepEqual([seen, clock.pending], [[], 0]);
  const failed = await reminded(Promise.reject(new Error("gone")));
  await assert.rejects(failed.done, /gone/u);
});
