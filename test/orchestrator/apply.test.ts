/** Event → transition → compare-and-set on a real store: what is written beside the state, and what happens on a conflict. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { NO_SETTINGS } from "../../src/domain/run.ts";
import { EVERYONE, LOCAL } from "../../src/domain/principal.ts";
import type { ActionEvent } from "../../src/domain/transition.ts";
import { admit } from "../../src/orchestrator/admission.ts";
import { createApply } from "../../src/orchestrator/apply.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { steppedClock } from "../helpers/stepped-clock.ts";
import { newTask, type MoreOfTask } from "./subject.ts";

async function setUp(t: TestContext) {
  const clock = steppedClock();
  const store = openSqliteStore(":memory:");
  t.after(() => store.close());
  const work = await store.acquire("test");
  const apply = createApply(store, work, clock);
  const createRoot = async (run: string, more: MoreOfTask = {}) => {
    const key = { project: "p", domain: "development", run };
    const record = {
      key,
      spec: new Uint8Array(),
      settings: NO_SETTINGS,
      baseUri: `s3://b/${run}`,
      source: "",
    };
    const root = newTask("a0", undefined, more, clock.now());
    const created = await store.createRun(
      { ...record, createdAt: clock.now(), createdBy: LOCAL, authority: EVERYONE },
      root,
      [],
    );
    assert.ok(created !== "exists");
    return created.root;
  };
  return { clock, store, work, apply, createRoot };
}

const ENDS: readonly (readonly [string, ActionEvent])[] = [
  ["aborted", { type: "abortRequested", reason: "enough" }],
  ["timed_out", { type: "timerFired", timer: "deadline" }],
  ["preempted", { type: "attemptPreempted", attempt: 1, reason: "r" }],
  ["parked", { type: "attemptParked", attempt: 1, reason: "r" }],
];

for (const [outcome, event] of ENDS) {
  test(`an attempt that ${event.type} ends is recorded as ${outcome}, with its end`, async (t) => {
    const { clock, store, apply, createRoot } = await setUp(t);
    const { key } = await createRoot("r", { policy: { userRetries: 0, deadlineMs: 1_000 } });
    await apply(key, { type: "admitted" });
    await apply(key, { type: "started", attempt: 1, at: clock.now() });
    await clock.step(1_000);
    const ended = await apply(key, event);
    assert.ok(ended);
    const [attempt, ...more] = await store.listAttempts(ended);
    assert.deepEqual([attempt?.outcome, attempt?.endedAt, more], [outcome, clock.now(), []]);
    assert.equal(attempt?.error?.code, outcome === "timed_out" ? "DEADLINE_EXCEEDED" : undefined);
  });
}

test("a stale event and an unknown action change nothing", async (t) => {
  const { apply, createRoot, store } = await setUp(t);
  const { key } = await createRoot("r");
  assert.equal(await apply({ ...key, action: "none" }, { type: "admitted" }), undefined);
  await apply(key, { type: "abortRequested", reason: "enough" });
  const before = await store.getAction(key);
  assert.equal(await apply(key, { type: "admitted" }), undefined);
  assert.equal(await apply(key, async () => undefined), undefined);
  assert.deepEqual(await store.getAction(key), before);
});

test("after a conflict the event is chosen again from what the store holds", async (t) => {
  const { apply, createRoot } = await setUp(t);
  const { key } = await createRoot("r");
  const seen: string[] = [];
  const ended = await apply(key, async (action) => {
    seen.push(action.state.phase);
    if (seen.length === 1) await apply(key, { type: "admitted" });
    return { event: { type: "abortRequested", reason: "enough" }, extra: {} };
  });
  assert.deepEqual(
    [seen, ended?.state.phase, ended?.state.attempt],
    [["queued", "initializing"], "aborted", 1],
  );
});

test("a cached result is used while it is young enough, of its project where asked, and not where it is overwritten", async (t) => {
  const { clock, store, apply, createRoot } = await setUp(t);
  const cache = { key: "k", serialize: false, overwrite: false, sameProject: true };
  const first = await createRoot("first", { cache });
  await apply(first.key, { type: "admitted" });
  await apply(first.key, { type: "attemptSucceeded", attempt: 1, outputUri: "s3://b/first/a0/1" });
  await clock.step(1_000);
  const options = { store, apply, urisInOutputs: async () => ["s3://b/named"] };
  const phaseOf = async (run: string, more: Partial<typeof cache & { maxAgeMs: number }>) => {
    const root = await createRoot(run, { cache: { ...cache, ...more } });
    const admitted = await admit(options, root);
    const stored = await store.getAction(root.key);
    assert.equal(admitted !== undefined, stored?.state.phase === "initializing");
    return stored?.state.phase;
  };
  assert.equal(await phaseOf("same", {}), "succeeded");
  assert.equal(await phaseOf("young", { maxAgeMs: 1_000 }), "succeeded");
  assert.equal(await phaseOf("old", { maxAgeMs: 999 }), "initializing");
  assert.equal(await phaseOf("anew", { overwrite: true }), "initializing");
  assert.equal(await phaseOf("other", { key: "other" }), "initializing");
  const same = { project: "p", domain: "development", run: "same" };
  assert.deepEqual(
    await Promise.all(["s3://b/first/a0/1/", "s3://b/named"].map((uri) => store.isGranted(same, uri))),
    [true, true],
  );
});

test("an action that uses no cache is admitted, and its attempt is recorded from then on", async (t) => {
  const { clock, store, apply, createRoot } = await setUp(t);
  const admitted = await admit({ store, apply, urisInOutputs: async () => [] }, await createRoot("r"));
  assert.ok(admitted);
  const attempts = await store.listAttempts(admitted);
  assert.deepEqual(
    attempts.map(({ attempt, createdAt }) => [attempt, createdAt]),
    [[1, clock.now()]],
  );
});

test("of two that compute the same result one waits, and is admitted when nobody computes it any more", async (t) => {
  const { store, apply, createRoot } = await setUp(t);
  const cache = { key: "k", serialize: true, overwrite: false, sameProject: false };
  const options = { store, apply, urisInOutputs: async () => [] };
  const [one, two] = [await createRoot("one", { cache }), await createRoot("two", { cache })];
  assert.equal((await admit(options, one))?.state.phase, "initializing");
  assert.equal(await admit(options, one), undefined);
  assert.equal(await admit(options, two), undefined);
  assert.equal((await store.getAction(two.key))?.state.reason, "another action computes the same result");
  await apply(one.key, { type: "abortRequested", reason: "enough" });
  assert.equal((await admit(options, two))?.state.attempt, 1);
});
