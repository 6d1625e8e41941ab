import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActionRecord } from "../domain/action-record.ts";
import type { Phase } from "../domain/phase.ts";
import type { OnChange } from "../store/reader.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { createAttemptEnds } from "./attempt-ends.ts";

const KEY = { project: "p", domain: "d", run: "r", action: "a0" };

function subject() {
  const listeners: OnChange[] = [];
  const clock = steppedClock();
  const store = {
    onChange: (listener: OnChange) => {
      listeners.push(listener);
      return () => {};
    },
  };
  const ends = createAttemptEnds(store, clock);
  const change = (phase: Phase, attempt: number, key = KEY) => {
    for (const listener of listeners) listener([{ key, state: { phase, attempt } } as ActionRecord]);
    return clock.step(1_000);
  };
  return { ends, change, clock };
}

test("what waits for an attempt's end is called at its end, or when the next attempt is there", async () => {
  const { ends, change } = subject();
  const called: string[] = [];
  ends.onEnd({ ...KEY, attempt: 1 }, () => called.push("first"));
  ends.onEnd({ ...KEY, attempt: 2 }, () => called.push("second"));
  await change("running", 1);
  await change("succeeded", 1, { ...KEY, run: "other" });
  assert.deepEqual(called, []);
  await change("running", 2);
  assert.deepEqual(called, ["first"]);
  await change("failed", 2);
  assert.deepEqual(called, ["first", "second"]);
});

test("what was closed before is not called, also where others wait", async () => {
  const { ends, change } = subject();
  const called: string[] = [];
  const stop = ends.onEnd({ ...KEY, attempt: 1 }, () => called.push("closed"));
  ends.onEnd({ ...KEY, attempt: 1 }, () => called.push("open"));
  stop();
  stop();
  await change("aborted", 1);
  assert.deepEqual(called, ["open"]);
});

test("a call that is answered within a second is not cut", async () => {
  const { ends, change, clock } = subject();
  const stop = ends.onEnd({ ...KEY, attempt: 1 }, () => assert.fail("it was cut"));
  const changed = change("aborted", 1);
  stop();
  await changed;
  assert.equal(clock.pending, 0);
});
