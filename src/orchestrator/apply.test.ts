import assert from "node:assert/strict";
import { test } from "node:test";
import { actionRecord } from "../../test/helpers/action-record.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { createApply } from "./apply.ts";

const QUEUED = { ...actionRecord(1, "a0", { phase: "queued", attempt: 0 }), version: 1 };
const BEGUN = { ...actionRecord(1, "a0", { phase: "initializing", attempt: 1 }), version: 2 };
const ENDED = { ...actionRecord(1, "a0", { phase: "aborted", attempt: 1, endedAt: 1 }), version: 3 };
const STARTED = { type: "started", attempt: 1, at: 1 } as const;

function subject(stored: ActionRecord) {
  const calls: string[] = [];
  const store = {
    getAction: async () => {
      calls.push("read");
      return stored;
    },
  };
  const work = {
    advance: async ({ action, state }: { action: ActionRecord; state: ActionRecord["state"] }) => {
      calls.push(`write ${action.version}`);
      return action.version === stored.version ? { ...action, state } : ("conflict" as const);
    },
  };
  return { apply: createApply(store, work, steppedClock()), calls };
}

test("an action that the caller knows is not read", async () => {
  const { apply, calls } = subject(BEGUN);
  assert.equal((await apply(BEGUN.key, STARTED, {}, BEGUN))?.state.phase, "running");
  assert.deepEqual(calls, ["write 2"]);
});

test("one that the caller knows as it was before is read where its change is refused", async () => {
  const waiting = { ...BEGUN, version: 1 };
  const { apply, calls } = subject(BEGUN);
  assert.equal((await apply(BEGUN.key, STARTED, {}, waiting))?.state.phase, "running");
  assert.deepEqual(calls, ["write 1", "read", "write 2"]);
});

test("and also where the event does not fit to what is known", async () => {
  const { apply, calls } = subject(BEGUN);
  assert.equal((await apply(BEGUN.key, STARTED, {}, QUEUED))?.state.phase, "running");
  assert.deepEqual(calls, ["read", "write 2"]);
});

test("an event that does not fit to what is stored changes nothing", async () => {
  const { apply, calls } = subject(ENDED);
  assert.equal(await apply(BEGUN.key, STARTED, {}, BEGUN), undefined);
  assert.equal(await apply(BEGUN.key, STARTED), undefined);
  assert.deepEqual(calls, ["write 2", "read", "read"]);
});
