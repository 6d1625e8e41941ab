import assert from "node:assert/strict";
import { test } from "node:test";
import { actionRecord } from "../../test/helpers/action-record.ts";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { ActionRecord, NewAction } from "../domain/action-record.ts";
import { hasLiveAttempt, isQueued, NO_RETRIES, type ActionState } from "../domain/action.ts";
import { newTaskState } from "../domain/initial-state.ts";
import { isTerminal } from "../domain/phase.ts";
import { LOCAL } from "../domain/principal.ts";
import type { Queue } from "../domain/queue.ts";
import { NO_SETTINGS, type RunRecord, type RunSettings } from "../domain/run.ts";
import type { ResourceAmounts } from "../domain/task.ts";
import type { ActionEvent } from "../domain/transition.ts";
import type { Demand, Store } from "../store/store.ts";
import { createApply } from "./apply.ts";
import { createDispatcher } from "./dispatcher.ts";

interface Waiting {
  readonly run?: number;
  readonly queue?: string;
  readonly parent?: string;
  readonly takes?: ResourceAmounts;
  readonly maxConcurrency?: number;
  readonly state?: Partial<ActionState>;
  readonly more?: Partial<ActionRecord>;
}

interface SubjectOptions {
  readonly maxParallel?: number;
  readonly queues?: readonly Queue[];
  readonly capacity?: ResourceAmounts;
}

/** A dispatcher on actions in memory. */
function subject({ maxParallel = 100, queues = [], capacity = {} }: SubjectOptions = {}) {
  const clock = steppedClock();
  const { log, lines } = recordingLogger();
  const demands = new Map<string, Demand>();
  const supervised: string[] = [];
  /** Of each read of heads: the queue, the limit, and the runs that were left out. */
  const reads: [queue: string, limit: number, except: readonly number[]][] = [];
  const fails = { times: 0 };
  let passes = 0;
  /** Waits before the counts are read. */
  let beforeCounts: () => Promise<void> = async () => {};
  /** Waits before an action is accepted. */
  let beforeAccepted: () => Promise<void> = async () => {};
  let afterAccepted: () => void = () => {};
  const all = () => [...demands.values()];
  const nameOf = (run: string, action: string) => `${run}/${action}`;
  const store = {
    getAction: async ({ run, action }: { run: string; action: string }) =>
      demands.get(nameOf(run, action))?.action,
    findCached: async () => ({ outputUri: "s3://b/cached", createdAt: 0, source: {} }),
    createAction: async (run: RunRecord, action: NewAction) => put(run, action),
  } as unknown as Store;
  const stored = createApply(
    store,
    {
      advance: async ({ action, state }) => {
        const name = nameOf(action.key.run, action.key.action);
        const changed = { ...action, state, version: action.version + 1 };
        const demand = demands.get(name);
        assert.ok(demand);
        demands.set(name, { ...demand, action: changed });
        return changed;
      },
    },
    clock,
  );
  let ids = 0;
  const put = (run: RunRecord, { name, state, parent, queue = "" }: NewAction): ActionRecord => {
    const key = { ...run.key, action: name };
    const action = actionRecord(++ids, name, state, { runId: run.id, key, queue, parent });
    demands.set(nameOf(key.run, name), { action, takes: {}, maxConcurrency: 0 });
    dispatcher.changed(action);
    return action;
  };
  const dispatcher = createDispatcher({
    store,
    apply: async (...change) => {
      const action = await stored(...change);
      if (action) dispatcher.changed(action);
      return action;
    },
    urisInOutputs: async () => [],
    work: {
      acceptBegun: async (run, action, begun) => {
        await beforeAccepted();
        const accepted = put(run, all().some((demand) => isQueued(demand.action.state)) ? action : begun);
        afterAccepted();
        return accepted;
      },
      waitingQueues: async () => {
        passes++;
        if (fails.times-- > 0) throw new Error("disk full");
        fails.times = 0;
        return [
          ...new Set(
            all()
              .filter(({ action }) => isQueued(action.state))
              .map(({ action }) => action.queue),
          ),
        ];
      },
      queueHeads: async (queue, now, limit, except = [], wanted = 1) => {
        reads.push([queue, limit, except]);
        const due = all()
          .filter(
            ({ action }) => isQueued(action.state) && action.queue === queue && action.state.notBefore <= now,
          )
          .toSorted(
            (a, b) => a.action.state.notBefore - b.action.state.notBefore || a.action.id - b.action.id,
          );
        const ofRuns = Map.groupBy(due, ({ action }) => action.runId);
        for (const run of except) ofRuns.delete(run);
        const ofEach = Math.max(1, Math.floor(Math.min(wanted, limit) / ofRuns.size));
        return [...ofRuns.values()].flatMap((ofRun) => ofRun.slice(0, ofEach)).slice(0, limit);
      },
      liveAttempts: async () => {
        const live = all().filter(({ action }) => hasLiveAttempt(action.state));
        await beforeCounts();
        return live;
      },
      unfinishedChildren: async () =>
        all()
          .filter(({ action }) => !isTerminal(action.state.phase))
          .flatMap(({ action: { id, runId, parent } }) =>
            parent === undefined ? [] : [{ id, runId, parent }],
          ),
    },
    attempts: { supervise: ({ key }) => supervised.push(nameOf(key.run, key.action)) },
    maxParallel,
    queues: new Map(queues.map((queue) => [queue.name, queue])),
    capacity,
    clock,
    log,
  });
  /** Adds an action of run r1, queued in the queue without a name, but for what is given. */
  const add = (name: string, waiting: Waiting = {}): boolean => {
    const { run = 1, queue = "", parent, takes = {}, maxConcurrency = 0, state = {}, more = {} } = waiting;
    const id = ++ids;
    const action = actionRecord(
      id,
      name,
      { notBefore: id, ...state },
      {
        runId: run,
        key: { project: "p", domain: "d", run: `r${run}`, action: name },
        queue,
        parent,
        ...more,
      },
    );
    demands.set(nameOf(action.key.run, name), { action, takes, maxConcurrency });
    return dispatcher.changed(action);
  };
  const actionOf = (name: string): ActionRecord => {
    const found = demands.get(name)?.action;
    assert.ok(found, name);
    return found;
  };
  return {
    dispatcher,
    clock,
    lines,
    supervised,
    reads,
    fails,
    passes: () => passes,
    add,
    actionOf,
    setBeforeAccepted: (wait: () => Promise<void>) => (beforeAccepted = wait),
    setAfterAccepted: (after: () => void) => (afterAccepted = after),
    /** Accepts a task of run r1, or what is given. Returns its phase. */
    accept: async (
      name: string,
      more: Partial<NewAction> = {},
      settings: Partial<RunSettings> = {},
    ): Promise<string> => {
      const accepted = await dispatcher.accept(runWith(settings), { ...newTask(name), ...more }, LOCAL);
      return typeof accepted === "string" ? accepted : accepted.state.phase;
    },
    setBeforeCounts: (wait: () => Promise<void>) => (beforeCounts = wait),
    /** Applies an event to RUN/ACTION. Returns whether a pass may find something to start. */
    change: async (name: string, event: ActionEvent): Promise<boolean> => {
      const changed = await stored(actionOf(name).key, event);
      assert.ok(changed, `${name} ignores ${event.type}`);
      return dispatcher.changed(changed);
    },
    /** A pass. Returns what was admitted by it, in order. */
    pass: async (queue?: string): Promise<string[]> => {
      supervised.length = 0;
      dispatcher.wake(queue);
      await clock.step(0);
      return [...supervised];
    },
    reasonOf: (name: string) => actionOf(name).state.reason,
  };
}

const SUCCEEDED: ActionEvent = { type: "attemptSucceeded", attempt: 1, outputUri: "s3://b/o" };

test("as many compute as there are slots, and each end makes room for the one that waits the longest", async () => {
  const { add, pass, change } = subject({ maxParallel: 2 });
  for (const name of ["a", "b", "c", "d"]) assert.equal(add(name), true);
  assert.deepEqual(await pass(), ["r1/a", "r1/b"]);
  assert.deepEqual(await pass(), []);
  assert.equal(await change("r1/a", { type: "progress", attempt: 1, reason: "pulling" }), false);
  assert.equal(await change("r1/a", SUCCEEDED), true);
  assert.deepEqual(await pass(), ["r1/c"]);
});

test("a parent that awaits its children leaves its slot to them", async () => {
  const { add, pass, change } = subject({ maxParallel: 1 });
  add("a0");
  assert.deepEqual(await pass(), ["r1/a0"]);
  add("c1", { parent: "a0" });
  add("c2", { parent: "a0" });
  assert.deepEqual(await pass(), ["r1/c1"]);
  assert.equal(await change("r1/c1", SUCCEEDED), true);
  assert.deepEqual(await pass(), ["r1/c2"]);
});

test("of the runs of a queue, the one with the fewest attempts goes first", async () => {
  const { add, pass } = subject({ maxParallel: 4 });
  for (const name of ["a", "b", "c", "d"]) add(name, { run: 1 });
  add("e", { run: 2 });
  add("f", { run: 2 });
  assert.deepEqual(await pass(), ["r1/a", "r2/e", "r1/b", "r2/f"]);
});

test("what finds a free slot is read together and begins together, up to what each run may start", async () => {
  const { add, pass, reads } = subject({ maxParallel: 8 });
  for (const name of ["a", "b", "c", "d", "e"]) add(name, { run: 1 });
  for (const name of ["f", "g", "h"]) add(name, { run: 2, maxConcurrency: 2 });
  assert.deepEqual(await pass(), ["r1/a", "r2/f", "r1/b", "r2/g", "r1/c", "r1/d", "r1/e"]);
  assert.equal(reads.length, 3, "both, the rest of the first, and nothing");
});

test("a run that has attempts already goes after one that has none, though it waits for longer", async () => {
  const { add, pass } = subject({ maxParallel: 2 });
  add("a", { run: 1 });
  await pass();
  add("b", { run: 1 });
  add("c", { run: 2 });
  assert.deepEqual(await pass(), ["r2/c"]);
});

test("queues go by priority; equal ones share: the one with the fewest slots, then the one that waits the longest", async () => {
  const queues = [
    { name: "low", maxParallel: 10, priority: -1 },
    { name: "one", maxParallel: 10, priority: 1 },
    { name: "two", maxParallel: 10, priority: 1 },
  ];
  const { add, pass } = subject({ maxParallel: 5, queues });
  add("a", { queue: "low" });
  add("b", { queue: "two" });
  add("c", { queue: "two" });
  add("d", { queue: "one" });
  add("e", { queue: "two" });
  add("f", { queue: "" });
  add("g", { queue: "low" });
  assert.deepEqual(await pass(), ["r1/b", "r1/d", "r1/c", "r1/e", "r1/f"]);
});

test("of equal queues with as many slots, the one whose head waits the longest goes first", async () => {
  const queues = ["one", "two", "three"].map((name) => ({ name, maxParallel: 10, priority: 1 }));
  const { add, pass } = subject({ maxParallel: 2, queues });
  add("a", { queue: "one", state: { notBefore: 30 } });
  add("b", { queue: "two", state: { notBefore: 10 } });
  add("c", { queue: "three", state: { notBefore: 20 } });
  assert.deepEqual(await pass(), ["r1/b", "r1/c"]);
});

test("requests during a pass share the next one", async () => {
  const { dispatcher, add, clock, passes, supervised } = subject();
  add("a");
  for (let times = 0; times < 5; times++) dispatcher.wake();
  await clock.step(0);
  assert.equal(passes(), 2);
  assert.deepEqual(supervised, ["r1/a"]);
});

test("without a free slot nothing is read", async () => {
  const { add, pass, passes } = subject({ maxParallel: 1 });
  add("a");
  add("b");
  await pass();
  const before = passes();
  await pass();
  assert.equal(passes(), before);
});

test("a queue that may have no due head does not keep an equal one from being served", async () => {
  const queues = [
    { name: "one", maxParallel: 10, priority: 1 },
    { name: "two", maxParallel: 10, priority: 1 },
  ];
  const { add, pass, clock } = subject({ queues });
  add("later", { queue: "one", state: { notBefore: clock.now() + 1_000 } });
  add("now", { queue: "two" });
  assert.deepEqual(await pass(), ["r1/now"]);
  await clock.step(1_000);
  assert.deepEqual(await pass(), ["r1/later"]);
});

test("a full queue shows its limit to those that wait, once, and others are served", async () => {
  const queues = [{ name: "gpu", maxParallel: 1, priority: 1 }];
  const { add, pass, change, reads, reasonOf, actionOf } = subject({ queues });
  add("a", { queue: "gpu" });
  add("b", { queue: "gpu", run: 2 });
  add("c");
  assert.deepEqual(await pass(), ["r1/a", "r1/c"]);
  assert.equal(reasonOf("r2/b"), "waiting: queue gpu is full (1 of 1)");
  const { version } = actionOf("r2/b");
  reads.length = 0;
  // A pass that something else caused.
  add("d");
  assert.deepEqual(await pass("other"), ["r1/d"]);
  assert.ok(
    reads.every(([queue]) => queue === ""),
    "nothing changed in the full one",
  );
  add("e", { queue: "gpu", run: 3 });
  await pass("other");
  assert.equal(reasonOf("r3/e"), "waiting: queue gpu is full (1 of 1)");
  reads.length = 0;
  await pass("gpu");
  assert.deepEqual(reads, [["gpu", 100, []]], "it was requested");
  reads.length = 0;
  await pass();
  assert.deepEqual(reads, [["gpu", 100, []]], "all were requested");
  assert.equal(actionOf("r2/b").version, version, "the reason is not written again");
  assert.equal(await change("r1/a", SUCCEEDED), true);
  assert.deepEqual(await pass("other"), ["r2/b"]);
});

test("a queue that is not in the settings any more lets nothing start", async () => {
  const { add, pass, reasonOf } = subject();
  add("a", { queue: "old" });
  add("b");
  assert.deepEqual(await pass(), ["r1/b"]);
  assert.equal(reasonOf("r1/a"), "waiting: queue old is not in the server's settings any more");
});

test("what is free is kept for the oldest that needs it: smaller ones that came later do not start", async () => {
  const { add, pass, change, reasonOf } = subject({ capacity: { cpu: 4 } });
  add("a", { takes: { cpu: 3 } });
  assert.deepEqual(await pass(), ["r1/a"]);
  add("large", { run: 2, takes: { cpu: 2 } });
  add("small", { run: 3, takes: { cpu: 1 } });
  assert.deepEqual(await pass(), []);
  assert.equal(reasonOf("r2/large"), "waiting: needs 2 CPU, 1 CPU free");
  assert.equal(reasonOf("r3/small"), undefined);
  await change("r1/a", SUCCEEDED);
  assert.deepEqual(await pass(), ["r2/large", "r3/small"]);
});

test("what is free is kept also for one behind the first of its run, where it is the oldest that is left", async () => {
  const { add, pass, reasonOf } = subject({ capacity: { cpu: 4 } });
  add("a", { run: 1, takes: { cpu: 1 } });
  add("b", { run: 1, takes: { cpu: 4 } });
  add("c", { run: 2, takes: { cpu: 1 } });
  add("d", { run: 2, takes: { cpu: 1 } });
  assert.deepEqual(await pass(), ["r1/a"]);
  assert.match(reasonOf("r1/b") ?? "", /needs 4 CPU, 3 CPU free/u);
});

test("a younger one that does not fit does not keep the oldest from starting", async () => {
  const { add, pass, reasonOf } = subject({ capacity: { cpu: 4 } });
  add("a", { run: 1, takes: { cpu: 2 } });
  await pass();
  // The oldest of the two, of the run that has an attempt already: it is tried after the other.
  add("old", { run: 1, takes: { cpu: 1 } });
  add("large", { run: 2, takes: { cpu: 3 } });
  assert.deepEqual(await pass(), ["r1/old"]);
  assert.equal(reasonOf("r2/large"), "waiting: needs 3 CPU, 1 CPU free");
});

test("nothing is kept for what exceeds the whole machine", async () => {
  const { add, pass, reasonOf } = subject({ capacity: { cpu: 4 } });
  add("huge", { run: 1, takes: { cpu: 8 } });
  add("a", { run: 2, takes: { cpu: 4 } });
  assert.deepEqual(await pass(), ["r2/a"]);
  assert.equal(reasonOf("r1/huge"), "waiting: needs 8 CPU, 4 CPU free");
});

test("a run computes no more at the same time than it may", async () => {
  const { add, pass, change } = subject();
  for (const name of ["a", "b", "c"]) add(name, { maxConcurrency: 2 });
  add("other", { run: 2, maxConcurrency: 1 });
  assert.deepEqual(await pass(), ["r1/a", "r2/other", "r1/b"]);
  await change("r2/other", SUCCEEDED);
  assert.deepEqual(await pass(), []);
  await change("r1/b", SUCCEEDED);
  assert.deepEqual(await pass(), ["r1/c"]);
});

test("a run whose slots all belong to parents that await their children may start one more", async () => {
  const { add, pass } = subject();
  add("a0", { maxConcurrency: 1 });
  await pass();
  add("c1", { parent: "a0", maxConcurrency: 1 });
  add("c2", { parent: "a0", maxConcurrency: 1 });
  assert.deepEqual(await pass(), ["r1/c1"]);
});

test("runs that may start nothing do not hide those that wait after them", async () => {
  const { add, pass, reads } = subject({ maxParallel: 1_000 });
  for (let run = 1; run <= 150; run++) add("a", { run, maxConcurrency: 1 });
  assert.equal((await pass()).length, 150);
  reads.length = 0;
  for (let run = 1; run <= 150; run++) add("b", { run, maxConcurrency: 1 });
  add("last", { run: 151 });
  assert.deepEqual(await pass(), ["r151/last"]);
  assert.deepEqual(
    reads.map(([, limit, except]) => [limit, except.length]),
    [
      [100, 0],
      [100, 100],
      [100, 150],
    ],
  );
});

test("one whose result is cached takes no slot", async () => {
  const { add, pass, actionOf } = subject({ maxParallel: 1 });
  const cache = { key: "k", overwrite: false } as unknown as ActionRecord["cache"];
  add("cached", { run: 1, more: { cache } });
  add("a", { run: 2 });
  assert.deepEqual(await pass(), ["r2/a"]);
  assert.equal(actionOf("r1/cached").state.phase, "succeeded");
});

test("what takes nothing after all shows nobody behind it as waiting for its resources", async () => {
  const { add, pass, actionOf } = subject({ capacity: { cpu: 2 } });
  const cache = { key: "k", overwrite: false } as unknown as ActionRecord["cache"];
  const names = ["a", "b", "c", "d", "e", "f"];
  for (const name of names) add(name, { takes: { cpu: 1 }, more: { cache } });
  await pass();
  const first = actionOf("r1/a").version;
  assert.deepEqual(
    names.map((name) => actionOf(`r1/${name}`).version),
    names.map(() => first),
  );
});

test("one that changed between its choice and its beginning, and still waited, is counted", async () => {
  const { add, pass, actionOf, dispatcher, supervised, clock } = subject({ maxParallel: 1 });
  add("a");
  const waiting = actionOf("r1/a");
  dispatcher.wake();
  for (let turn = 0; turn < 200 && supervised.length === 0; turn++) {
    if (actionOf("r1/a") === waiting) dispatcher.changed(waiting);
    await Promise.resolve();
  }
  await clock.step(0);
  add("b");
  assert.deepEqual(await pass(), []);
});

test("after an error the counts are read again, and what runs is supervised", async () => {
  const { dispatcher, add, pass, fails, lines, clock, supervised } = subject();
  add("a");
  await pass();
  fails.times = 2;
  add("b");
  assert.deepEqual(await pass(), []);
  const failed = {
    level: "error",
    message: "the queue could not be read, and will be tried again",
    error: "disk full",
  };
  assert.deepEqual(lines, [failed]);
  await clock.step(999);
  assert.deepEqual(supervised, []);
  await clock.step(1);
  assert.deepEqual(lines, [failed, failed]);
  assert.deepEqual(supervised, ["r1/a"]);
  supervised.length = 0;
  await clock.step(1_000);
  assert.deepEqual(supervised, ["r1/a", "r1/b"]);
  await dispatcher.stop();
  assert.equal(clock.pending, 0);
});

test("after an error the reason that a full queue shows is read again", async () => {
  const queues = [{ name: "gpu", maxParallel: 1, priority: 1 }];
  const { add, pass, fails, reads, clock } = subject({ queues });
  add("a", { queue: "gpu" });
  add("b", { queue: "gpu" });
  await pass();
  fails.times = 1;
  await pass("other");
  reads.length = 0;
  await clock.step(1_000);
  assert.deepEqual(reads, [["gpu", 100, []]]);
});

test("a change during the read of the counts is counted", async () => {
  const { add, pass, change, setBeforeCounts, dispatcher, clock, supervised } = subject({ maxParallel: 1 });
  const read = Promise.withResolvers<void>();
  setBeforeCounts(() => read.promise);
  add("a", { state: { phase: "running", attempt: 1, startedAt: 1, runningAt: 1 } });
  add("b");
  dispatcher.wake();
  await clock.step(0);
  assert.equal(await change("r1/a", SUCCEEDED), true, "there are no counts yet");
  read.resolve();
  await clock.step(0);
  assert.deepEqual(supervised, ["r1/a", "r1/b"]);
  assert.deepEqual(await pass(), []);
});

test("a stop waits for the pass, and no other begins", async () => {
  const { dispatcher, add, pass, setBeforeCounts, clock, supervised, fails } = subject();
  const read = Promise.withResolvers<void>();
  setBeforeCounts(() => read.promise);
  add("a");
  dispatcher.wake();
  await clock.step(0);
  let isStopped = false;
  const stopped = dispatcher.stop().then(() => (isStopped = true));
  await clock.step(0);
  assert.equal(isStopped, false);
  fails.times = 1;
  read.resolve();
  await stopped;
  assert.deepEqual(await pass(), []);
  assert.deepEqual(supervised, []);
  assert.equal(clock.pending, 0, "no other try after the failure");
});

test("a stop between two rounds of admissions leaves the rest to the next server", async () => {
  const { dispatcher, add, clock, supervised } = subject({ maxParallel: 200 });
  for (let run = 1; run <= 150; run++) add("a", { run });
  dispatcher.wake();
  while (supervised.length === 0) await Promise.resolve();
  await dispatcher.stop();
  await clock.step(0);
  assert.ok(supervised.length <= 100, "what is under way may be the last");
});

function runWith(settings: Partial<RunSettings>): RunRecord {
  const key = { project: "p", domain: "d", run: "r1" };
  return { id: 1, key, settings: { ...NO_SETTINGS, ...settings } } as RunRecord;
}

function newTask(name: string): NewAction {
  const state = newTaskState(0);
  return { kind: "task", name, parent: "a0", state, policy: NO_RETRIES, grants: [] } as unknown as NewAction;
}

test("a task that has to wait for nothing begins with the commit that accepts it", async () => {
  const { add, pass, accept, supervised, actionOf, change } = subject({ maxParallel: 2 });
  assert.equal(await accept("early"), "queued", "nothing is counted yet");
  add("a0");
  assert.deepEqual(await pass(), ["r1/early", "r1/a0"]);
  assert.equal(await accept("c1"), "initializing", "its parent waits for it");
  assert.deepEqual(supervised.at(-1), "r1/c1");
  assert.equal(actionOf("r1/c1").state.attempt, 1);
  assert.equal(await accept("c2"), "queued", "there is no slot");
  await change("r1/c1", SUCCEEDED);
  assert.deepEqual(await pass(), ["r1/c2"]);
});

test("a task waits where others do, where its queue or run is full, and where its result may be cached", async () => {
  const queues = [{ name: "small", maxParallel: 1, priority: 0 }];
  const { add, pass, accept } = subject({ queues, capacity: { cpu: 1 } });
  add("a0");
  assert.deepEqual(await pass(), ["r1/a0"]);
  const cache = { key: "k", serialize: false, overwrite: false, sameProject: false };
  assert.equal(await accept("cached", { cache }), "queued");
  await pass();
  assert.equal(await accept("small1", { queue: "small" }), "initializing");
  assert.equal(await accept("small2", { queue: "small" }), "queued");
  assert.equal(await accept("other"), "queued", "small2 waits");
  await pass();
  assert.equal(await accept("limited", {}, { maxConcurrency: 2 }), "queued", "the run has as many as it may");
});

test("of tasks that are accepted at once, one begins before it is counted", async () => {
  const { add, pass, accept, setBeforeAccepted } = subject({ maxParallel: 2 });
  add("a0");
  await pass();
  const written = Promise.withResolvers<void>();
  setBeforeAccepted(() => written.promise);
  const phases = ["c1", "c2"].map((name) => accept(name));
  assert.equal(await phases[1], "queued");
  written.resolve();
  assert.equal(await phases[0], "queued", "c2 waits now");
});

test("a task that was accepted although that was reported as failed begins, and the counts are read again", async () => {
  const { add, pass, accept, setAfterAccepted, supervised, clock } = subject();
  add("a0");
  await pass();
  setAfterAccepted(() => {
    throw new Error("disk full");
  });
  await assert.rejects(accept("c1"), { message: "disk full" });
  assert.ok(!supervised.includes("r1/c1"));
  setAfterAccepted(() => {});
  assert.equal(await accept("c2"), "queued", "the counts are not known");
  await clock.step(1_000);
  assert.ok(supervised.includes("r1/c1"));
  assert.ok(supervised.includes("r1/c2"));
  assert.equal(await accept("c3"), "initializing");
});

test("a task that is accepted after a stop is left to the next server", async () => {
  const { dispatcher, add, pass, accept, supervised } = subject();
  add("a0");
  await pass();
  await dispatcher.stop();
  assert.equal(await accept("c1"), "queued");
  assert.deepEqual(supervised, ["r1/a0"]);
});
