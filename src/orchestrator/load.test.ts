import assert from "node:assert/strict";
import { test } from "node:test";
import { actionRecord } from "../../test/helpers/action-record.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { ActionState } from "../domain/action.ts";
import type { ResourceAmounts } from "../domain/task.ts";
import type { Demand } from "../store/store.ts";
import { Load } from "./load.ts";

function action(id: number, name: string, state: Partial<ActionState> = {}, parent?: string): ActionRecord {
  return actionRecord(id, name, state, { parent });
}

const RUNNING = { phase: "running", attempt: 1 } as const;
const ENDED = { phase: "succeeded", attempt: 1, endedAt: 2 } as const;

function running(id: number, name: string, takes: ResourceAmounts = {}, parent?: string): Demand {
  return { action: action(id, name, RUNNING, parent), takes, maxConcurrency: 0 };
}

test("a parent computes while none of its children is unfinished, and holds its memory all the time", () => {
  const load = new Load([running(1, "a0", { cpu: 2, memoryBytes: 8 })], []);
  assert.deepEqual([load.computing, load.computingInQueue("q"), load.used.cpu], [1, 1, 2]);
  assert.equal(load.change(action(2, "c1", {}, "a0")), true, "its slot is free");
  assert.equal(load.change(action(3, "c2", {}, "a0")), false);
  assert.deepEqual([load.computing, load.used.cpu, load.used.memoryBytes], [0, 0, 8]);
  assert.deepEqual([load.computingOfRun(1), load.liveOfRun(1)], [0, 1]);
  assert.equal(load.change(action(2, "c1", ENDED, "a0")), false);
  assert.equal(load.change(action(3, "c2", ENDED, "a0")), false, "it goes on, and frees nothing");
  assert.deepEqual([load.computing, load.used.cpu], [1, 2]);
  assert.equal(load.change(action(1, "a0", ENDED)), true);
  assert.deepEqual(
    [load.computing, load.liveOfRun(1), load.used],
    [0, 0, { cpu: 0, memoryBytes: 0, gpu: 0 }],
  );
});

test("a change that is told twice counts once", () => {
  const load = new Load([running(1, "a0")], [{ id: 2, runId: 1, parent: "a0" }]);
  assert.equal(load.computing, 0);
  load.change(action(2, "c1", {}, "a0"));
  load.admit(running(2, "c1", { cpu: 1 }, "a0"));
  load.admit(running(2, "c1", { cpu: 1 }, "a0"));
  assert.deepEqual([load.computing, load.used.cpu], [1, 1]);
  for (let times = 0; times < 2; times++) load.change(action(2, "c1", ENDED, "a0"));
  assert.deepEqual([load.computing, load.used.cpu], [1, 0]);
});

test("an attempt that waits for capacity keeps its slot; one that was parked or requeued does not", () => {
  const load = new Load([running(1, "a0")], []);
  const waiting = { phase: "waiting_for_resources", attempt: 1, suspended: "waiting" } as const;
  assert.equal(load.change(action(1, "a0", waiting)), false);
  assert.equal(load.computing, 1);
  assert.equal(load.change(action(1, "a0", { ...waiting, suspended: "parked" })), true);
  assert.equal(load.computing, 0);
});

test("parts of a processor that came and went leave nothing behind", () => {
  const load = new Load([], []);
  for (let id = 1; id <= 30; id++) load.admit(running(id, `t${id}`, { cpu: 0.1 }));
  for (let id = 1; id <= 30; id++) load.change(action(id, `t${id}`, ENDED));
  assert.equal(load.used.cpu, 0);
});
