import assert from "node:assert/strict";
import { test } from "node:test";
import { newConditionState, newTaskState } from "../domain/initial-state.ts";
import { actionTimes } from "./action-times.ts";
import { formatTime, formatTimeOfDay } from "./assets/time-format.js";

const NOW = Date.UTC(2026, 10, 30, 1, 9, 7, 5);
const textOf = (html: { toString(): string } | undefined) => html?.toString().replaceAll(/<[^>]*>/gu, "");

test("a task's duration begins when it left the queue, and the time before that is counted apart", () => {
  const state = { ...newTaskState(NOW), phase: "succeeded" as const };
  const times = actionTimes(
    { kind: "task", state: { ...state, startedAt: NOW + 7_000, endedAt: NOW + 66_000 } },
    NOW + 90_000,
  );
  assert.deepEqual(Object.values(times).map(textOf), [
    "2026-11-30 01:09:07 UTC",
    "7.0 s",
    "2026-11-30 01:09:14 UTC",
    "2026-11-30 01:10:13 UTC",
    "59.0 s",
  ]);
  assert.match(times.started.toString(), /datetime="2026-11-30T01:09:14.005Z"/u);
});

test("what never started has no duration; the time in its queue ends with it", () => {
  const state = { ...newTaskState(NOW), phase: "aborted" as const, endedAt: NOW + 2_000 };
  const { started, duration, queuedFor } = actionTimes({ kind: "task", state }, NOW + 90_000);
  assert.deepEqual([started, duration, queuedFor].map(textOf), ["not started", "–", "2.0 s"]);
});

test("a condition starts when it is created, and has no queue", () => {
  const { duration, queuedFor } = actionTimes(
    { kind: "condition", state: newConditionState(NOW) },
    NOW + 3_000,
  );
  assert.deepEqual([duration, queuedFor].map(textOf), ["3.0 s", undefined]);
});

test("a time names its zone", () => {
  assert.equal(formatTime(NOW), "2026-11-30 01:09:07 UTC");
  assert.equal(formatTime(NOW, 330), "2026-11-30 06:39:07 +05:30");
  assert.equal(formatTime(NOW, -120), "2026-11-29 23:09:07 -02:00");
  assert.equal(formatTimeOfDay(NOW, 60), "02:09:07.005");
});
