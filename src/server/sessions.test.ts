import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { createFailedSignIns } from "./failed-sign-ins.ts";
import { createSessions, formTokenOf } from "./sessions.ts";

test("a session is found until its time is over, or until it is ended", async () => {
  const clock = steppedClock();
  const sessions = createSessions(clock, 1_000);
  const [first, second] = [sessions.begin("t1"), sessions.begin("t2")];
  assert.deepEqual([first, second, "x"].map(sessions.find), ["t1", "t2", undefined]);
  sessions.end(first);
  assert.equal(sessions.find(first), undefined);
  await clock.step(1_000);
  assert.equal(sessions.find(second), undefined);
  assert.notEqual(formTokenOf(first), formTokenOf(second));
});

test("of too many sessions the oldest ends", () => {
  const sessions = createSessions(steppedClock(), 1_000);
  const all = Array.from({ length: 10_001 }, () => sessions.begin("t"));
  assert.deepEqual(
    [all[0], all[1], all.at(-1)].map((each) => sessions.find(each ?? "")),
    [undefined, "t", "t"],
  );
});

test("an address waits after ten failures, until a minute after the first; others do not", async () => {
  const clock = steppedClock();
  const failed = createFailedSignIns(clock);
  for (let n = 0; n < 10; n++) {
    assert.equal(failed.secondsToWait("192.0.2.1"), 0);
    failed.note("192.0.2.1");
    await clock.step(1_000);
  }
  assert.equal(failed.secondsToWait("192.0.2.1"), 50);
  assert.equal(failed.secondsToWait("192.0.2.2"), 0);
  await clock.step(50_000);
  assert.equal(failed.secondsToWait("192.0.2.1"), 0);
});

test("the addresses of one IPv6 network count together, and many addresses take bounded memory", () => {
  const failed = createFailedSignIns(steppedClock());
  for (let n = 0; n < 10; n++) failed.note(`2001:db8::${n}`);
  assert.equal(failed.secondsToWait("2001:db8:0:0:1::ffff"), 60);
  assert.equal(failed.secondsToWait("2001:db8:0:1::1"), 0);
  for (let n = 0; n < 10_000; n++) failed.note(`10.0.${n >> 8}.${n & 255}`);
  assert.equal(failed.secondsToWait("2001:db8::1"), 0);
});
