import assert from "node:assert/strict";
import { test } from "node:test";
import type { AttemptRecord } from "../domain/attempt.ts";
import { newTaskState } from "../domain/initial-state.ts";
import type { Phase } from "../domain/phase.ts";
import { attemptsSection } from "./attempts-section.ts";

const NOW = 1_700_000_000_000;

function shown(phase: Phase, attempt: Partial<AttemptRecord>): string {
  const state = { ...newTaskState(NOW, undefined), phase, attempt: 1 };
  const attempts = [{ attempt: 1, createdAt: NOW, transitions: [], ...attempt }];
  return attemptsSection({ record: { kind: "task", state }, attempts, nowMs: NOW + 5_000 }).toString();
}

test("an attempt whose result counts while its process goes on shows so, until that has ended", () => {
  for (const outcome of ["succeeded", "failed"] as const) {
    assert.match(shown(outcome, { outcome }), /Process.*the process still runs/su);
    assert.doesNotMatch(shown(outcome, { outcome, endedAt: NOW + 1 }), /still runs/u);
  }
  assert.doesNotMatch(shown("running", {}), /still runs/u);
});
