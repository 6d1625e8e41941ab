import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActionState } from "../domain/action.ts";
import type { AttemptRecord } from "../domain/attempt.ts";
import { newTaskState } from "../domain/initial-state.ts";
import type { Phase } from "../domain/phase.ts";
import type { StoredSpec, TaskDefinition } from "../domain/task.ts";
import { attemptsSection } from "./attempts-section.ts";

const NOW = 1_700_000_000_000;

function shown(
  phase: Phase,
  attempt: Partial<AttemptRecord>,
  definition?: Partial<TaskDefinition>,
  more: Partial<ActionState> = {},
): string {
  const state = { ...newTaskState(NOW, undefined), phase, attempt: 1, ...more };
  const attempts = [{ attempt: 1, createdAt: NOW, transitions: [], ...attempt }];
  const spec = definition && ({ definition } as StoredSpec);
  return attemptsSection({ record: { kind: "task", state }, spec, attempts, nowMs: NOW + 5_000 }).toString();
}

test("an attempt whose result counts while its process goes on shows so, until that has ended", () => {
  for (const outcome of ["succeeded", "failed"] as const) {
    assert.match(shown(outcome, { outcome }), /Process.*the process still runs/su);
    assert.doesNotMatch(shown(outcome, { outcome, endedAt: NOW + 1 }), /still runs/u);
  }
  assert.doesNotMatch(shown("running", {}), /still runs/u);
});

test("an attempt shows how long its start took", () => {
  assert.match(shown("running", { startedAt: NOW + 64 }), /Process started.*, after\s.*64 ms/su);
});

test("a sleep shows until when it sleeps, and no process or image that it does not have", () => {
  const definition = { type: "core-sleep", reads: [] };
  const text = shown("running", { startedAt: NOW }, definition, { wakeAt: NOW + 60_000 });
  assert.match(text, /Sleeps until.*2023-11-14T22:14:20/su);
  assert.doesNotMatch(text, /Process started|in the image/u);
});

test("an attempt shows where its result comes from", () => {
  const start = {
    engine: "podman 4.3.1",
    adaptations: [{ kind: "interpreter", path: "/opt/venv/bin/python" }],
    interpreter: { path: "/opt/venv/bin/python", version: "3.11.7" },
    sdk: { name: "flyte", version: "2.12.0" },
    base: { name: "python:3.11", digest: "sha256:2" },
    warm: { mode: "fork", pool: "5f2c", worker: "w1", earlierAttempts: 2 },
  } as const;
  const text = shown(
    "running",
    { start },
    {
      reads: ["s3://boxkite/code.tgz"],
      sentBy: { name: "flyte", version: "2.12.1" },
      sourceUrl: "https://github.com/team/app/blob/0123456/flow.py#L3",
    },
  );
  for (const row of [
    /Base image.*python:3\.11.*sha256:2/su,
    /Code.*s3:\/\/boxkite\/code\.tgz/su,
    /Source.*href="https:\/\/github\.com[^"]*#L3".*0123456/su,
    /Interpreter.*3\.11\.7 \(\/opt\/venv\/bin\/python\)/su,
    /SDK.*flyte 2\.12\.0.*Sent with.*flyte 2\.12\.1.*Engine.*podman 4\.3\.1/su,
    /Start<.*warm \(fork\): worker w1 of pool 5f2c, after 2 other attempts/su,
    /Adapted.*a0 is started with/su,
  ])
    assert.match(text, row);
  const cold = {
    engine: "podman 4.3.1",
    adaptations: [],
    cold: "no network",
    defaults: { _F_P_CNC: "1000" },
  };
  assert.match(
    shown("running", { start: cold }),
    /Start<.*cold: no network.*Added variables.*_F_P_CNC=1000/su,
  );
  const unknown = shown("running", {}, { reads: [] });
  assert.match(unknown, /Code.*in the image/su);
  assert.doesNotMatch(unknown, /Engine|SDK|Adapted|Sent with/u);
});
