import assert from "node:assert/strict";
import { test } from "node:test";
import { attemptIsOver, hasLiveAttempt } from "./action.ts";
import { acceptSleep } from "./sleep.ts";
import { nextTimer, transition } from "./transition.ts";

const NOW = 1_000_000;

test("a sleep has an attempt that runs, and none at an executor", () => {
  const policy = { userRetries: 0, sleepMs: 500 };
  const { state, attempt } = acceptSleep(policy, NOW);
  assert.deepEqual([state.phase, state.attempt, state.wakeAt], ["running", 1, NOW + 500]);
  assert.deepEqual(attempt, { attempt: 1, startedAt: NOW });
  assert.deepEqual([hasLiveAttempt(state), attemptIsOver(state, 1)], [false, false]);
  assert.deepEqual(nextTimer(state, policy), { name: "wake", at: NOW + 500 });
});

test("a sleep ends no earlier than its time, and leaves nothing to stop or to free", () => {
  const policy = { userRetries: 0, sleepMs: 500 };
  const { state } = acceptSleep(policy, NOW);
  assert.equal(transition(state, policy, { type: "slept" }, NOW + 499), undefined);
  const slept = transition(state, policy, { type: "slept" }, NOW + 500);
  assert.deepEqual([slept?.state.phase, slept?.state.wakeAt], ["succeeded", undefined]);
  assert.deepEqual(slept?.effects, [{ type: "ended" }]);
  const aborted = transition(state, policy, { type: "abortRequested", reason: "enough" }, NOW + 1);
  assert.deepEqual(aborted?.effects, [{ type: "ended" }]);
});

test("a sleep whose result may be in the cache begins when that was read", () => {
  const policy = { userRetries: 0, sleepMs: 0 };
  const cache = { key: "k", serialize: false, overwrite: false, sameProject: false };
  const { state, attempt } = acceptSleep(policy, NOW, cache);
  assert.deepEqual([state.phase, state.wakeAt, attempt], ["queued", NOW, undefined]);
  const begun = transition(state, policy, { type: "admitted" }, NOW + 5);
  assert.deepEqual([begun?.state.phase, begun?.state.wakeAt], ["running", NOW + 5]);
});
