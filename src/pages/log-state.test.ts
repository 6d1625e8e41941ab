import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActionState } from "../domain/action.ts";
import type { AttemptRecord } from "../domain/attempt.ts";
import { newTaskState } from "../domain/initial-state.ts";
import { logState } from "./log-state.ts";
import type { LogStatus } from "./log-status.ts";

const NOW = 1_700_000_000_000;
const ABSENT: LogStatus = { kind: "absent" };
const EMPTY: LogStatus = { kind: "empty" };
const REFUSED = {
  code: "IMAGE_NOT_FOUND",
  message: "there is no x:1",
  kind: "user",
  recoverable: false,
} as const;

/** The words on the page. */
function shown(
  status: LogStatus,
  state: Partial<ActionState>,
  attempt?: Partial<AttemptRecord>,
  logAttempt = state.attempt ?? 0,
): string {
  const attempts = attempt === undefined ? [] : [{ attempt: 1, createdAt: NOW, transitions: [], ...attempt }];
  return logState({
    record: { kind: "task", state: { ...newTaskState(NOW), ...state } },
    run: {},
    attempts,
    log: { attempt: logAttempt, status },
  })
    .toString()
    .replaceAll(/<[^>]*>/gu, "")
    .trim();
}

const RUNNING = { phase: "running", attempt: 1 } as const;
const FAILED = { phase: "failed", attempt: 1 } as const;
const RAN = { startedAt: NOW, exitCode: 1 } as const;

test("each state of a log without lines has its own words", () => {
  assert.equal(shown(ABSENT, { phase: "queued" }), "Not started yet.");
  const waits = { phase: "waiting_for_resources", reason: "needs 4 CPU" } as const;
  assert.equal(shown(ABSENT, waits), "Not started yet: needs 4 CPU.");
  const pulls = { phase: "initializing", attempt: 1, reason: "pulling image" } as const;
  assert.equal(shown(EMPTY, pulls, {}), "Starting: pulling image. Nothing has been written yet.");
  assert.equal(shown(EMPTY, { ...RUNNING, reason: "x" }, RAN), "Running. Nothing has been written yet.");
  assert.equal(shown(EMPTY, FAILED, RAN), "Ended without output.");
  assert.match(
    shown({ kind: "unreadable", reason: "EIO" }, FAILED, RAN),
    /^The log could not be read: EIO\. /u,
  );
  assert.equal(shown({ kind: "written", bytes: 1 }, FAILED, RAN), "");
});

test("what never started says why, whether or not its log was opened", () => {
  const why = "Never started: IMAGE_NOT_FOUND there is no x:1";
  assert.equal(shown(ABSENT, FAILED, { error: REFUSED }), why);
  assert.equal(shown(EMPTY, FAILED, { error: REFUSED }), why);
  assert.equal(shown(ABSENT, { phase: "timed_out", error: REFUSED }), why);
  assert.equal(shown(ABSENT, { phase: "aborted", abortReason: "by me" }), "Never started: aborted, by me.");
  assert.equal(shown(ABSENT, { phase: "aborted" }), "Never started: aborted.");
  const source = { project: "p", domain: "development", run: "r", action: "a0", attempt: 1 } as const;
  assert.match(shown(ABSENT, { phase: "succeeded", source }), /^Not run: its result was taken over/u);
});

test("an attempt that is followed by another, and one that never was", () => {
  assert.equal(
    shown(ABSENT, { ...RUNNING, attempt: 2 }, { error: REFUSED }, 1),
    "Never started: IMAGE_NOT_FOUND there is no x:1",
  );
  assert.equal(shown(ABSENT, FAILED, RAN, 7), "There is no attempt 7: the last one is 1.");
});
