/** What every store has to do, whichever database it sits on. */
import type { AccessToken, Grant } from "../../src/domain/access-token.ts";
import type { ActionRecord, NewAction } from "../../src/domain/action-record.ts";
import type { AttemptStart } from "../../src/domain/attempt-start.ts";
import type { ListQuery, RunScope } from "../../src/domain/list.ts";
import type { Session } from "../../src/domain/session.ts";
import { NO_SETTINGS, type NewRun, type RunRecord } from "../../src/domain/run.ts";
import type { StoredSpec } from "../../src/domain/task.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_RETRIES, type ActionState } from "../../src/domain/action.ts";
import { newConditionState, newTaskState } from "../../src/domain/initial-state.ts";
import { acceptSleep } from "../../src/domain/sleep.ts";
import { ROOT_ACTION, type RunKey } from "../../src/domain/ids.ts";
import { EVERYONE, LOCAL, type CallerRecord } from "../../src/domain/principal.ts";
import { type TaskDefinition } from "../../src/domain/task.ts";
import { MAX_RUN_NOTES } from "../../src/domain/run-note.ts";
import { RUN_STATUSES, type RunStatus } from "../../src/domain/run-status.ts";
import type { RuntimeFit } from "../../src/domain/runtime-fit.ts";
import { transition, type ActionEvent } from "../../src/domain/transition.ts";
import type { EffectRecord, Store, Work } from "../../src/store/store.ts";
import { imageFacts } from "../helpers/image-facts.ts";

export interface StoreSubject {
  readonly store: Store;
  /** Closes the store and opens what is on disk again; undefined where nothing survives. */
  readonly reopen?: () => Promise<Store>;
  /** Where commits may become visible out of order: keeps those of a run back until the result is called. */
  readonly late?: (run: string) => () => void;
  readonly dispose: () => Promise<void>;
}

interface Owned extends StoreSubject {
  readonly work: Work;
}

const NOW = 1_700_000_000_000;
const ALICE: CallerRecord = { who: "alice", client: "flyte-sdk/2.12.1", from: "192.0.2.7" };
const PAGE: ListQuery = { limit: 100, token: "", where: [] };

export function storeConformance(name: string, open: () => Promise<StoreSubject>): void {
  const check = (title: string, body: (subject: Owned) => Promise<void>): void =>
    void test(`${name}: ${title}`, async () => {
      const subject = await open();
      try {
        await body({ ...subject, work: await subject.store.acquire("first") });
      } finally {
        await subject.dispose();
      }
    });

  check("a run and its root are created together, once", async ({ store }) => {
    const { run, root } = await createRun(store, "r1");
    assert.equal(root.key.action, ROOT_ACTION);
    assert.equal(root.state.phase, "queued");
    assert.equal(await store.createRun(newRun("r1"), newTask(ROOT_ACTION), []), "exists");
    assert.deepEqual((await store.getRun(run.key))?.settings.labels, { team: "data" });
    assert.equal(await store.getRun({ ...run.key, project: "other" }), undefined);
  });

  check("of two clients creating the same run name, one wins", async ({ store }) => {
    const outcomes = await Promise.all(
      [1, 2, 3].map(() => store.createRun(newRun("same"), newTask(ROOT_ACTION), [])),
    );
    assert.equal(outcomes.filter((outcome) => outcome === "exists").length, 2);
  });

  check("an action is keyed by its name; a second one is distinguished from a failure", async ({ store }) => {
    const { run } = await createRun(store, "r1");
    const child = await store.createAction(run, newTask("c1", ROOT_ACTION), LOCAL);
    assert.ok(typeof child === "object");
    assert.equal(await store.createAction(run, newTask("c1", ROOT_ACTION), LOCAL), "exists");
    assert.equal(await store.createAction(run, newTask("c2", "nobody"), LOCAL), "parent_missing");
  });

  check("a parent that has ended gets no further children", async ({ store, work }) => {
    const { run, root } = await createRun(store, "r1");
    await step(work, root, { type: "abortRequested", reason: "enough" });
    assert.equal(await store.createAction(run, newTask("c1", ROOT_ACTION), LOCAL), "parent_ended");
  });

  check("a sleep gets no children, whose end it would not end", async ({ store }) => {
    const { run } = await createRun(store, "r1");
    const { definition, ...stored } = spec("5");
    const sleep = { ...stored, definition: { ...definition, type: "core-sleep" } };
    await store.createAction(run, { ...newTask("nap", ROOT_ACTION), spec: sleep }, LOCAL);
    assert.equal(await store.createAction(run, newTask("c1", "nap"), LOCAL), "parent_sleeps");
  });

  check("compare-and-set: of two changes of the same version, one holds", async ({ store, work }) => {
    const { root } = await createRun(store, "r1");
    const change = { action: root, state: admitted(root), effects: [], at: NOW };
    const outcomes = await Promise.all([work.advance(change), work.advance(change)]);
    assert.equal(outcomes.filter((outcome) => outcome === "conflict").length, 1);
  });

  check(
    "an action is admitted by the commit that accepts it, where nothing waits and the lease holds",
    async ({ store, work }) => {
      const { run, root } = await createRun(store, "r1");
      const accept = async (name: string, at = NOW) => {
        const action = newTask(name, ROOT_ACTION);
        const state = transition(action.state, NO_RETRIES, { type: "admitted" }, at)?.state;
        assert.ok(state);
        return work.acceptBegun(run, action, { ...action, state, attempt: { attempt: 1 } }, LOCAL);
      };
      const phaseOf = (accepted: Awaited<ReturnType<typeof accept>>) =>
        typeof accepted === "string" ? accepted : accepted.state.phase;
      assert.equal(phaseOf(await accept("c1")), "queued", "the root waits");
      await step(work, root, { type: "admitted" });
      const [waiting] = await heads(work, NOW);
      assert.ok(waiting);
      await step(work, waiting, { type: "admitted" });
      const begun = await accept("c2");
      assert.ok(typeof begun !== "string");
      assert.deepEqual([begun.state.phase, begun.state.attempt], ["initializing", 1]);
      assert.deepEqual(await reload(store, begun), begun);
      assert.equal((await store.listAttempts(begun)).length, 1);
      assert.deepEqual(await heads(work, NOW), []);
      assert.equal((await live(work)).length, 3);
      assert.equal(phaseOf(await accept("c2")), "exists");
      const later = newTask("later", ROOT_ACTION);
      const state = { ...later.state, notBefore: NOW + 5 };
      await store.createAction(run, { ...later, state }, LOCAL);
      assert.equal(phaseOf(await accept("c3", NOW + 4)), "initializing");
      assert.equal(phaseOf(await accept("c4", NOW + 5)), "queued", "another one waits when it would begin");
      await store.acquire("second");
      assert.equal(phaseOf(await accept("c5", NOW + 4)), "queued");
    },
  );

  check("what an action was in between is an event of its own", async ({ store, work }) => {
    const { root } = await createRun(store, "r1");
    const began = await step(work, root, { type: "admitted" });
    const through = transition(began.state, NO_RETRIES, { type: "started", attempt: 1, at: NOW }, NOW);
    assert.ok(through);
    const succeeded = { type: "attemptSucceeded", attempt: 1, outputUri: "s3://b/o" } as const;
    const next = transition(through.state, NO_RETRIES, succeeded, NOW + 7);
    assert.ok(next);
    const ended = await work.advance({
      action: began,
      through: { state: through.state, at: NOW + 2 },
      ...next,
      at: NOW + 7,
    });
    assert.ok(ended !== "conflict");
    assert.deepEqual(await reload(store, root), ended);
    assert.equal(ended.version, began.version + 1);
    const [attempt] = await store.listAttempts(root);
    assert.deepEqual(
      attempt?.transitions.map(({ phase, at }) => [phase, at - NOW]),
      [
        ["initializing", 0],
        ["running", 2],
        ["succeeded", 7],
      ],
    );
  });

  check("sequence numbers grow within a run", async ({ store, work }) => {
    const { run, root } = await createRun(store, "r1");
    const [child] = await addChildren(store, run, 1);
    const later = await step(work, root, { type: "admitted" });
    assert.ok((child?.seq ?? 0) > root.seq);
    assert.ok(later.seq > (child?.seq ?? 0));
  });

  check(
    "a watch over many runs loses no change, also where commits become visible out of order",
    async ({ store, work, late }) => {
      const seen = new Map<string, number[]>();
      let cursor = "";
      const read = async () => {
        const changed = await store.changedRuns({ project: "p" }, cursor, 100);
        cursor = changed.cursor;
        for (const { run, root } of changed.items) {
          const numbers = seen.get(run.key.run) ?? [];
          if (numbers.at(-1) !== root.seq) seen.set(run.key.run, [...numbers, root.seq]);
        }
      };
      const before = await createRun(store, "before");
      await read();
      const release = late?.("slow");
      const slow = await createRun(store, "slow");
      const fast = await createRun(store, "fast");
      assert.ok(fast.root.seq > slow.root.seq);
      await read();
      await read();
      assert.deepEqual(seen.get("fast"), [fast.root.seq]);
      assert.equal(seen.has("slow"), late === undefined);
      release?.();
      await read();
      assert.deepEqual(seen.get("slow"), [slow.root.seq]);
      const again = await step(work, before.root, { type: "admitted" });
      await read();
      await read();
      assert.deepEqual(seen.get("before"), [before.root.seq, again.seq]);
      assert.deepEqual(seen.get("fast"), [fast.root.seq]);
      assert.deepEqual(seen.get("slow"), [slow.root.seq]);
      assert.deepEqual((await store.changedRuns({ project: "p" }, cursor, 100)).items, []);
      const page = await store.changedRuns({ project: "p" }, "", 2);
      const rest = await store.changedRuns({ project: "p" }, page.cursor, 2);
      const names = [...page.items, ...rest.items].map(({ run }) => run.key.run);
      assert.deepEqual(names, ["slow", "fast", "before"]);
      assert.deepEqual((await store.changedRuns({ project: "other" }, "", 2)).items, []);
    },
  );

  check("a cursor goes past what changes elsewhere, so that nobody reads it again", async ({ store }) => {
    const idle = async (after: string) => {
      const { items, cursor } = await store.changedRuns({ project: "idle" }, after, 10);
      assert.deepEqual(items, []);
      return cursor;
    };
    await createRun(store, "r1");
    const first = await idle("");
    await createRun(store, "r2");
    const second = await idle(first);
    assert.equal(new Set(["", first, second]).size, 3);
    assert.equal(await idle(second), second);
  });

  check("who made a run, deployed a task, or asked for a change is kept", async ({ store, work }) => {
    const { run, root } = await createRun(store, "r1");
    assert.deepEqual((await store.getRun(run.key))?.createdBy, ALICE);
    const key = { project: "p", domain: "development", name: "env.train", version: "1" };
    await store.deployTask(key, spec("1"), NOW, ALICE);
    assert.deepEqual((await store.getTask(key))?.deployedBy, ALICE);
    const running = await step(work, root, { type: "admitted" });
    const next = transition(running.state, NO_RETRIES, { type: "abortRequested", reason: "enough" }, NOW);
    assert.ok(next);
    await work.advance({ action: running, ...next, at: NOW, by: ALICE });
    const [attempt] = await store.listAttempts(root);
    assert.deepEqual(
      attempt?.transitions.map(({ phase, by }) => [phase, by]),
      [
        ["initializing", undefined],
        ["aborted", "alice"],
      ],
    );
  });

  check("one owner at a time: whoever lost the lease changes nothing any more", async ({ store, work }) => {
    const { root } = await createRun(store, "r1");
    const admission = { action: root, state: admitted(root), effects: [], at: NOW };
    const next = await store.acquire("second");
    const lost = { code: "LEASE_LOST", message: "second drives the runs now, not first" };
    await assert.rejects(work.advance(admission), lost);
    await assert.rejects(work.effectDone(1, NOW), lost);
    await assert.rejects(work.postponeEffect(1, NOW), lost);
    assert.equal((await reload(store, root)).version, root.version);
    assert.notEqual(await next.advance(admission), "conflict");
  });

  check("also in the very commit in which it is lost", async ({ store, work }) => {
    const { root } = await createRun(store, "r1");
    const admission = { action: root, state: admitted(root), effects: [], at: NOW };
    const [before, next, after] = await Promise.allSettled([
      work.postponeEffect(1, NOW),
      store.acquire("second"),
      work.advance(admission),
    ]);
    assert.deepEqual([before.status, next.status, after.status], ["fulfilled", "fulfilled", "rejected"]);
    assert.equal((await reload(store, root)).version, root.version);
  });

  check(
    "an effect that was put off is due again at its time, after those that were not",
    async ({ store, work }) => {
      const { root } = await createRun(store, "r1");
      assert.equal(await work.hasEffects("own"), false);
      const running = await step(work, root, { type: "admitted" });
      await step(work, running, { type: "abortRequested", reason: "enough" });
      const [first, second] = await pending(work);
      assert.ok(first && second);
      assert.deepEqual([await work.hasEffects("own"), await work.hasEffects("webhooks")], [true, false]);
      await work.postponeEffect(first.id, NOW + 500);
      const due = async (now: number) => (await work.pendingEffects("own", now, 10)).map(({ id }) => id);
      assert.equal((await due(NOW))[0], second.id);
      assert.equal((await due(NOW)).includes(first.id), false);
      assert.equal(await work.nextEffect(NOW), NOW + 500);
      assert.equal((await due(NOW + 500)).at(-1), first.id);
      assert.equal(await work.nextEffect(NOW + 500), undefined);
      await work.postponeEffect(first.id, NOW + 500);
      assert.equal(await work.rebaseTimes(NOW), 0);
      assert.equal((await due(NOW)).includes(first.id), true);
    },
  );

  check(
    "times in the future are moved to now, and what is counted from them by as much",
    async ({ store, work }) => {
      const policy = { userRetries: 1, maxRuntimeMs: 5_000, queuedTimeoutMs: 3_000 };
      const slow = { ...newTask(ROOT_ACTION), policy };
      const made = await Promise.all(["r1", "r2"].map((name) => store.createRun(newRun(name), slow, [])));
      const [one, two] = made.map((created) => (created === "exists" ? undefined : created.root));
      assert.ok(one && two);
      const started = { type: "started", attempt: 1, at: NOW } as const;
      await step(work, await step(work, one, { type: "admitted" }), started);
      const minutes = 14 * 60_000;
      const error = { code: "X", message: "x", kind: "system", recoverable: true } as const;
      const lost = await step(work, await step(work, two, { type: "admitted" }), {
        type: "attemptLost",
        attempt: 1,
        error,
      });
      const delay = lost.state.notBefore - NOW;
      assert.equal(await work.rebaseTimes(NOW), 0);
      assert.equal(await work.rebaseTimes(NOW - minutes), 2);
      assert.equal(await work.rebaseTimes(NOW - minutes), 0);
      const [running, delayed] = [await reload(store, one), await reload(store, two)];
      assert.equal(running.state.runningAt, NOW - minutes);
      assert.equal(delayed.state.notBefore, NOW - minutes + delay);
      const due = async (now: number) => (await work.dueTimers(now, 10)).map(({ id }) => id);
      assert.deepEqual(await due(NOW - minutes + delay + 2_999), []);
      assert.deepEqual(await due(NOW - minutes + delay + 3_000), [two.id]);
      assert.deepEqual(await due(NOW - minutes + 5_000), [two.id, one.id]);
      const parked = await step(work, delayed, { type: "parked", reason: "another computes it" });
      await work.rebaseTimes(NOW - 2 * minutes);
      assert.equal((await reload(store, two)).state.notBefore, parked.state.notBefore);
    },
  );

  check(
    "a watch that starts anywhere sees every change after its cursor, and nothing before",
    async ({ store, work }) => {
      const { run } = await createRun(store, "r1");
      const children = await addChildren(store, run, 5);
      const all = await store.changedChildren(run, ROOT_ACTION, 0, 100);
      assert.deepEqual(
        all.map((child) => child.key.action),
        children.map((child) => child.key.action),
      );
      const cursor = all[2]?.seq ?? 0;
      await step(work, children[0] as ActionRecord, { type: "admitted" });
      const after = await store.changedChildren(run, ROOT_ACTION, cursor, 100);
      assert.deepEqual(
        after.map((child) => child.key.action),
        ["c3", "c4", "c0"],
      );
      const last = after.at(-1)?.seq ?? 0;
      assert.deepEqual(await store.changedChildren(run, ROOT_ACTION, last, 100), []);
      assert.equal((await store.changedChildren(run, ROOT_ACTION, 0, 2)).length, 2);
    },
  );

  check("listeners hear of each change after it can be read", async ({ store, work }) => {
    const heard: number[] = [];
    const stop = store.onChange((changes) => heard.push(...changes.map((change) => change.seq)));
    const { root } = await createRun(store, "r1");
    const next = await step(work, root, { type: "admitted" });
    stop();
    await step(work, next, { type: "abortRequested", reason: "enough" });
    assert.deepEqual(heard, [root.seq, next.seq]);
  });

  check("the queue offers the oldest of each run, and nobody before its time", async ({ store, work }) => {
    const one = await createRun(store, "r1");
    const two = await createRun(store, "r2");
    await addChildren(store, one.run, 3);
    const oldest = await heads(work, NOW, "");
    assert.deepEqual(
      oldest.map((head) => `${head.key.run}/${head.key.action}`),
      ["r1/a0", "r2/a0"],
    );
    await step(work, two.root, { type: "admitted" });
    const lost = await step(work, await reload(store, two.root), {
      type: "attemptLost",
      attempt: 1,
      error: { code: "X", message: "x", kind: "system", recoverable: true },
    });
    assert.ok(lost.state.notBefore > NOW);
    assert.equal((await heads(work, NOW, "")).length, 1);
    assert.equal(await work.nextDelayEnd(NOW), lost.state.notBefore);
    assert.equal(await work.nextDelayEnd(lost.state.notBefore), undefined);
    for (const { id } of await pending(work)) await work.effectDone(id, NOW, []);
    assert.equal((await heads(work, lost.state.notBefore, "")).length, 2);
  });

  check(
    "each queue has heads of its own, and is known as long as something waits in it",
    async ({ store, work }) => {
      const { run, root } = await createRun(store, "r1");
      for (const [name, queue] of [
        ["c1", "gpu"],
        ["c2", "gpu"],
        ["c3", "fast"],
      ] as const) {
        await store.createAction(run, { ...newTask(name, ROOT_ACTION), queue }, LOCAL);
      }
      assert.deepEqual(await work.waitingQueues(), ["", "fast", "gpu"]);
      const gpu = await heads(work, NOW, "gpu");
      assert.deepEqual(
        gpu.map(({ key, queue }) => [key.action, queue]),
        [["c1", "gpu"]],
      );
      await step(work, root, { type: "admitted" });
      assert.deepEqual(await work.waitingQueues(), ["fast", "gpu"]);
    },
  );

  check(
    "the heads of a queue are those that wait the longest, but for runs that are left out",
    async ({ store, work }) => {
      const ids = new Map<string, number>();
      for (const [name, waitedMs] of [
        ["late", 0],
        ["early", 20],
        ["middle", 10],
      ] as const) {
        const waiting = newTaskState(NOW - waitedMs);
        const created = await store.createRun(newRun(name), { ...newTask(ROOT_ACTION), state: waiting }, []);
        if (created !== "exists") ids.set(name, created.run.id);
      }
      const read = async (limit: number, ...except: string[]) => {
        const demands = await work.queueHeads(
          "",
          NOW,
          limit,
          except.map((name) => ids.get(name) ?? 0),
        );
        return demands.map(({ action }) => action.key.run);
      };
      assert.deepEqual(await read(10), ["early", "middle", "late"]);
      assert.deepEqual(await read(2), ["early", "middle"]);
      assert.deepEqual(await read(2, "early"), ["middle", "late"]);
    },
  );

  check(
    "of few runs as many are read as are wanted, in the order in which they wait",
    async ({ store, work }) => {
      for (const [name, first] of [
        ["r1", 5],
        ["r2", 9],
      ] as const) {
        const created = await store.createRun(newRun(name), newTask(ROOT_ACTION), []);
        assert.ok(created !== "exists");
        await step(work, created.root, { type: "admitted" });
        for (const [child, waitedMs] of [
          ["a", first],
          ["b", 0],
          ["c", 1],
        ] as const) {
          const waiting = { ...newTask(child, ROOT_ACTION), state: newTaskState(NOW - waitedMs) };
          assert.equal(typeof (await store.createAction(created.run, waiting, LOCAL)), "object");
        }
      }
      const read = async (wanted: number, limit = 10) =>
        (await work.queueHeads("", NOW, limit, [], wanted)).map(
          ({ action: { key } }) => key.run + key.action,
        );
      assert.deepEqual(await read(1), ["r2a", "r1a"]);
      assert.deepEqual(await read(3), ["r2a", "r1a"]);
      assert.deepEqual(await read(5), ["r2a", "r2c", "r1a", "r1c"]);
      assert.deepEqual(await read(100), ["r2a", "r2c", "r2b", "r1a", "r1c", "r1b"]);
      assert.deepEqual(await read(100, 2), ["r2a", "r1a"], "no run is left out for another's second");
    },
  );

  check("a cap of processors is kept, and an action takes no more than it gives", async ({ store, work }) => {
    const definition = { ...spec("large").definition, requests: { cpu: 64, memoryBytes: 1 } };
    const cpuCap = { asked: 64, given: 2 };
    const root = { ...newTask(ROOT_ACTION), spec: { ...spec("large"), definition }, cpuCap };
    const created = await store.createRun(newRun("r"), root, []);
    assert.ok(created !== "exists");
    assert.deepEqual(created.root.cpuCap, cpuCap);
    const [head] = await work.queueHeads("", NOW, 1);
    assert.deepEqual([head?.action.cpuCap, head?.takes], [cpuCap, { cpu: 2, memoryBytes: 1 }]);
  });

  check("a page has at most 1,000 rows, and its token leads to the rest", async ({ store }) => {
    const ids = Array.from({ length: 1_001 }, (_, n) => `p${n}`);
    const project = { description: "", labels: {}, state: "active", createdAt: NOW } as const;
    await Promise.all(ids.map((id) => store.createProject({ ...project, id, name: id })));
    const first = await store.listProjects({ ...PAGE, limit: 5_000 });
    assert.equal(first.items.length, 1_000);
    assert.equal((await store.listProjects({ ...PAGE, limit: 5_000, token: first.token })).items.length, 1);
  });

  check("time limits strike when they are due, earliest first", async ({ store, work }) => {
    const slow = { ...newTask(ROOT_ACTION), policy: { userRetries: 0, deadlineMs: 5_000 } };
    await store.createRun(newRun("r1"), slow, []);
    assert.equal(await work.nextTimer(), NOW + 5_000);
    assert.deepEqual(await work.dueTimers(NOW + 4_999, 10), []);
    assert.equal((await work.dueTimers(NOW + 5_000, 10)).length, 1);
  });

  check(
    "the end of a child leaves an effect only where somebody is to hear of it",
    async ({ store, work }) => {
      const { run, root } = await createRun(store, "r1");
      const [plain, cached, last] = await addChildren(store, run, 3);
      assert.ok(plain && cached && last);
      const abort: ActionEvent = { type: "abortRequested", reason: "enough" };
      await step(work, plain, abort);
      assert.deepEqual(await pending(work), []);
      const cache = { key: "k", serialize: true, overwrite: false, sameProject: false };
      const user = { ...newTask("user", ROOT_ACTION), cache };
      const waited = await store.createAction(run, user, LOCAL);
      assert.ok(typeof waited === "object");
      await step(work, waited, abort);
      assert.deepEqual(
        (await pending(work)).map(({ action }) => action.key.action),
        ["user"],
      );
      for (const { id } of await pending(work)) await work.effectDone(id, NOW);
      const running = await step(work, root, { type: "admitted" });
      await step(work, running, { type: "attemptParked", attempt: 1, reason: "waits" });
      for (const { id } of await pending(work)) await work.effectDone(id, NOW);
      await step(work, last, abort);
      assert.deepEqual(
        (await pending(work)).map(({ action }) => action.key.action),
        [last.key.action],
      );
    },
  );

  check(
    "a sleep is in no queue and at no executor, and its clock is corrected with it",
    async ({ store, work }) => {
      const { run } = await createRun(store, "r1");
      const sleep = { ...newTask("nap", ROOT_ACTION), policy: { userRetries: 0, sleepMs: 500 } };
      const nap = await store.createAction(run, { ...sleep, ...acceptSleep(sleep.policy, NOW) }, LOCAL);
      assert.ok(typeof nap === "object");
      assert.deepEqual(
        (await heads(work, NOW)).map(({ key }) => key.action),
        [ROOT_ACTION],
      );
      assert.deepEqual(await live(work), []);
      assert.equal(await store.isLive({ ...nap.key, attempt: 1 }), false);
      assert.deepEqual(
        (await store.listAttempts(nap)).map(({ attempt, startedAt }) => [attempt, startedAt]),
        [[1, NOW]],
      );
      assert.deepEqual(
        (await work.dueTimers(NOW + 500, 10)).map(({ key }) => key.action),
        ["nap"],
      );
      await work.rebaseTimes(NOW - 1_000);
      assert.equal((await reload(store, nap)).state.wakeAt, NOW - 500);
      assert.equal(await work.nextTimer(), NOW - 500);
    },
  );

  check(
    "children are to be aborted only where there are some that have not ended",
    async ({ store, work }) => {
      const { run, root } = await createRun(store, "r1");
      const running = await step(work, root, { type: "admitted" });
      const [one, two] = await addChildren(store, run, 2);
      assert.ok(one && two);
      const abort = { type: "abortRequested", reason: "enough" } as const;
      const typesOf = async () => (await pending(work)).map(({ effect }) => effect.type);
      await step(work, await step(work, one, { type: "admitted" }), abort);
      assert.deepEqual(await typesOf(), ["stopAttempt"]);
      await step(work, two, abort);
      await step(work, running, abort);
      assert.deepEqual(await typesOf(), ["stopAttempt", "stopAttempt", "ended"]);
    },
  );

  check("effects wait in order until they are done", async ({ store, work }) => {
    const { run, root } = await createRun(store, "r1");
    const running = await step(work, root, { type: "admitted" });
    await addChildren(store, run, 1);
    await step(work, running, { type: "abortRequested", reason: "enough" });
    const effects = await pending(work);
    assert.deepEqual(
      effects.map(({ effect }) => effect.type),
      ["stopAttempt", "abortChildren", "ended"],
    );
    await work.effectDone(effects[0]?.id ?? 0, NOW);
    const left = await pending(work);
    assert.equal(left.length, 2);
    assert.equal((await work.pendingEffects("own", NOW, 10, [left[0]?.id ?? 0])).length, 1);
    assert.deepEqual(await work.pendingEffects("webhooks", NOW, 10), []);
    await work.effectDone(left[0]?.id ?? 0, NOW + 1, [{ type: "ended" }, { type: "abortChildren" }]);
    const followed = await pending(work);
    assert.deepEqual(
      followed.map(({ effect, createdAt, action }) => [effect.type, createdAt, action.id]),
      [
        [left[1]?.effect.type, NOW, root.id],
        ["ended", NOW + 1, root.id],
        ["abortChildren", NOW + 1, root.id],
      ],
    );
  });

  check("live attempts and children are found", async ({ store, work }) => {
    const { run, root } = await createRun(store, "r1");
    assert.equal(await store.awaitsChildren(root), false);
    await addChildren(store, run, 2);
    await step(work, root, { type: "admitted" });
    assert.deepEqual(
      (await live(work)).map((action) => action.key.action),
      [ROOT_ACTION],
    );
    assert.equal(await store.awaitsChildren(root), true);
    assert.equal((await store.liveChildren(root, 10)).length, 2);
  });

  check(
    "an attempt that waits for capacity is live, and in no queue; a parked one is neither",
    async ({ store, work }) => {
      const { root } = await createRun(store, "r1");
      const first = await step(work, root, { type: "admitted" });
      const report = { attempt: 1, reason: "no node is free" };
      const waiting = await step(work, first, { type: "attemptWaiting", ...report });
      assert.deepEqual([waiting.state.phase, waiting.state.suspended], ["waiting_for_resources", "waiting"]);
      assert.deepEqual(
        (await live(work)).map(({ id }) => id),
        [root.id],
      );
      assert.deepEqual(await work.waitingQueues(), []);
      assert.deepEqual(await heads(work, NOW, ""), []);
      const parked = await step(work, waiting, { type: "attemptParked", ...report });
      assert.equal((await reload(store, root)).state.suspended, "parked");
      assert.deepEqual(await live(work), []);
      assert.deepEqual(await heads(work, NOW, ""), []);
      for (const effect of await pending(work)) await work.effectDone(effect.id, NOW);
      await step(work, parked, { type: "unparked" });
      assert.equal((await heads(work, NOW, "")).length, 1);
    },
  );

  check("attempts keep what was reported of them", async ({ store, work }) => {
    const { root } = await createRun(store, "r1");
    const image = { reference: "a:1", pinned: "a@sha256:1", digest: "sha256:1", source: "registry" as const };
    const first = await step(work, root, { type: "admitted" }, { attempt: 1, image });
    const start: AttemptStart = {
      engine: "podman 4",
      adaptations: [{ kind: "interpreter", path: "/p" }],
      warm: { mode: "resident", pool: "5f2c", worker: "w1", earlierAttempts: 3 },
    };
    const facts = { attempt: 1, startedAt: NOW, start };
    await step(work, first, { type: "started", attempt: 1, at: NOW }, facts);
    const [attempt] = await store.listAttempts(root);
    assert.deepEqual(attempt?.image, image);
    assert.deepEqual(attempt?.start, start);
    assert.equal(attempt?.startedAt, NOW);
    assert.deepEqual(
      attempt?.transitions.map((change) => change.phase),
      ["initializing", "running"],
    );
  });

  check(
    "what becomes known of an attempt later is a change of its action, and no phase",
    async ({ store, work }) => {
      const { run, root } = await createRun(store, "r1");
      const admitted = await step(work, root, { type: "admitted" }, { attempt: 1 });
      const ended = await step(
        work,
        admitted,
        { type: "attemptSucceeded", attempt: 1, outputUri: "s3://b/o" },
        { attempt: 1, outcome: "succeeded" },
      );
      const heard: number[] = [];
      store.onChange((changes) => heard.push(...changes.map(({ seq }) => seq)));
      await work.recordAttempt(ended, { attempt: 1, exitCode: 3, endedAt: NOW + 5 }, NOW + 5);
      const [changed] = await store.changedActions(run, ended.seq, 10);
      assert.deepEqual(changed?.state, ended.state);
      assert.equal(changed?.version, ended.version);
      assert.deepEqual(heard, [changed?.seq]);
      const [attempt] = await store.listAttempts(root);
      assert.deepEqual([attempt?.exitCode, attempt?.endedAt], [3, NOW + 5]);
      assert.deepEqual(
        attempt?.transitions.map(({ phase }) => phase),
        ["initializing", "succeeded"],
      );
    },
  );

  check("a result is kept for others when its action ends well", async ({ store, work }) => {
    const cache = { key: "k", serialize: true, overwrite: false, sameProject: false };
    const cached = (name: string) => ({ ...newTask(name), cache, state: newTaskState(NOW, cache) });
    const one = await store.createRun(newRun("r1"), cached(ROOT_ACTION), []);
    const two = await store.createRun(newRun("r2"), cached(ROOT_ACTION), []);
    assert.ok(one !== "exists" && two !== "exists");
    assert.equal(await store.isComputedElsewhere(two.root), false);
    const working = await step(work, one.root, { type: "admitted" });
    assert.equal(await store.isComputedElsewhere(two.root), true);
    const change = { action: two.root, state: admitted(two.root), effects: [], at: NOW };
    assert.equal(await work.advance({ ...change, ifComputedElsewhere: false }), "conflict");
    const parked = await step(work, two.root, { type: "parked", reason: "another computes it" });
    assert.deepEqual(
      (await store.parkedFor("k")).map((action) => action.id),
      [parked.id],
    );
    assert.deepEqual(await heads(work, NOW, ""), []);
    assert.equal(await store.findCached("k", undefined), undefined);
    await step(work, working, { type: "attemptSucceeded", attempt: 1, outputUri: "s3://b/o" });
    assert.equal((await store.findCached("k", undefined))?.outputUri, "s3://b/o");
    assert.equal((await store.findCached("k", { project: "p", domain: "development" }))?.source.run, "r1");
    assert.equal(await store.findCached("k", { project: "other", domain: "development" }), undefined);
  });

  check(
    "an attempt that was parked waits for its children, not for another's result",
    async ({ store, work }) => {
      const cache = { key: "k", serialize: true, overwrite: false, sameProject: false };
      const created = await store.createRun(newRun("r1"), { ...newTask(ROOT_ACTION), cache }, []);
      assert.ok(created !== "exists");
      const working = await step(work, created.root, { type: "admitted" });
      await step(work, working, { type: "attemptParked", attempt: 1, reason: "its children run" });
      assert.deepEqual(await store.parkedFor("k"), []);
    },
  );

  check("what the actions of each task of a run took together", async ({ store, work }) => {
    const { run, root } = await createRun(store, "r1");
    const early = { ...newTask("c0", ROOT_ACTION), state: newTaskState(NOW - 50) };
    const child = await store.createAction(run, early, LOCAL);
    assert.ok(typeof child === "object");
    const running = await step(work, await step(work, child, { type: "admitted" }), {
      type: "started",
      attempt: 1,
      at: NOW,
    });
    const error = { code: "E", message: "m", kind: "user", recoverable: false } as const;
    await step(work, running, { type: "attemptFailed", attempt: 1, error });
    const other = spec("1");
    const definition = { ...other.definition, name: "other" };
    await store.createAction(run, { ...newTask("c1", ROOT_ACTION), spec: { ...other, definition } }, LOCAL);
    const [first, second, ...more] = await store.taskTotals(run.id, 10);
    assert.deepEqual(first, {
      task: root.taskName,
      actions: 2,
      failed: 1,
      queuedMs: 50,
      runningMs: 0,
      first: ROOT_ACTION,
    });
    assert.deepEqual([second?.task, second?.actions, second?.first, more], ["other", 1, "c1", []]);
    assert.equal((await store.taskTotals(run.id, 1)).length, 1);
    assert.deepEqual(await store.taskTotals(run.id + 99, 10), []);
  });

  check("work on a result counts only where its result would", async ({ store, work }) => {
    const cache = { key: "k", serialize: true, overwrite: false, sameProject: false };
    const cached = (sameProject: boolean) => ({ ...newTask(ROOT_ACTION), cache: { ...cache, sameProject } });
    const elsewhere = newRun("r1");
    const far = await store.createRun(
      { ...elsewhere, key: { ...elsewhere.key, project: "other" } },
      cached(false),
      [],
    );
    const choosy = await store.createRun(newRun("r2"), cached(true), []);
    const open = await store.createRun(newRun("r3"), cached(false), []);
    assert.ok(far !== "exists" && choosy !== "exists" && open !== "exists");
    await step(work, far.root, { type: "admitted" });
    assert.equal(await store.isComputedElsewhere(choosy.root), false);
    assert.equal(await store.isComputedElsewhere(open.root), true);
  });

  check(
    "a retry is not at the head of its queue while its last attempt is being freed",
    async ({ store, work }) => {
      const { root } = await createRun(store, "r1");
      const running = await step(work, await step(work, root, { type: "admitted" }), {
        type: "started",
        attempt: 1,
        at: NOW,
      });
      await step(work, running, {
        type: "attemptLost",
        attempt: 1,
        error: { code: "Interrupted", message: "gone", kind: "system", recoverable: true },
      });
      const later = NOW + 60_000;
      assert.deepEqual(await heads(work, later, ""), []);
      for (const effect of await pending(work)) await work.effectDone(effect.id, later, []);
      assert.deepEqual(
        (await heads(work, later, "")).map(({ id }) => id),
        [root.id],
      );
    },
  );

  check("an image is pinned once", async ({ store }) => {
    const { run } = await createRun(store, "r1");
    const image = { reference: "a:1", pinned: "a@sha256:1", digest: "sha256:1", source: "registry" as const };
    assert.deepEqual(await store.pinImage(run, image), image);
    assert.deepEqual(await store.pinImage(run, { ...image, digest: "sha256:2" }), image);
  });

  check("a run has each note once, in their order", async ({ store }) => {
    const { run } = await createRun(store, "r1");
    const { run: other } = await createRun(store, "r2");
    const first = { image: "a:1", code: "TAR_MISSING", text: "it has no tar", mend: "install it" };
    const second = { image: "a:1", code: "SHELL_MISSING", text: "it has no shell" };
    await store.recordRunNotes(run, [first, second]);
    await store.recordRunNotes(run, [
      { ...first, text: "found again" },
      { ...first, image: "b:1" },
    ]);
    const notes = [first, second, { ...first, image: "b:1" }];
    assert.deepEqual(await store.runNotes(run), { notes, omitted: 0 });
    assert.deepEqual(await store.runNotes(other), { notes: [], omitted: 0 });
  });

  check("the notes of a run are bounded, and the others counted", async ({ store }) => {
    const { run } = await createRun(store, "r1");
    const found = (count: number) =>
      Array.from({ length: count }, (_, at) => ({
        image: `team/${at}:1`,
        code: "IMAGE_NOT_FOUND",
        text: "",
      }));
    await store.recordRunNotes(run, found(MAX_RUN_NOTES + 3));
    const { notes, omitted } = await store.runNotes(run);
    assert.deepEqual([notes, omitted], [found(MAX_RUN_NOTES), 3]);
    // One that the run has is not counted again.
    await store.recordRunNotes(run, found(1));
    assert.equal((await store.runNotes(run)).omitted, 3);
  });

  check(
    "the newest run of a project and domain that used a reference, until it is unpinned",
    async ({ store }) => {
      const image = (digest: string) =>
        ({ reference: "a:1", pinned: `a@${digest}`, digest, source: "registry" }) as const;
      const scope = newRun("r1").key;
      assert.equal(await store.newestPin(scope, "a:1"), undefined);
      assert.equal(await store.unpinImage("a:1"), "missing");
      const { run: first } = await createRun(store, "r1");
      await store.pinImage(first, image("sha256:1"));
      const { run: second } = await createRun(store, "r2");
      await store.pinImage(second, image("sha256:2"));
      const elsewhere = await createRun(store, "r3");
      await store.pinImage(elsewhere.run, { ...image("sha256:3"), reference: "b:1" });
      const newest = { run: "r2", image: image("sha256:2"), isUnpinned: false };
      assert.deepEqual(await store.newestPin(scope, "a:1"), newest);
      assert.equal((await store.newestPin(scope, "a:1", second.id))?.run, "r1");
      assert.equal(await store.newestPin({ ...scope, domain: "production" }, "a:1"), undefined);
      assert.equal(await store.unpinImage("a:1"), "unpinned");
      assert.deepEqual(await store.newestPin(scope, "a:1"), { ...newest, isUnpinned: true });
      const { run: third } = await createRun(store, "r4");
      await store.pinImage(third, image("sha256:4"));
      assert.equal((await store.newestPin(scope, "a:1"))?.isUnpinned, false);
    },
  );

  check(
    "what a task called before is that of its newest run, of its own version first",
    async ({ store }) => {
      const work = await store.acquire("test");
      const task = { project: "p", domain: "development", name: "env.train", image: "a:1" };
      const called = async (version: string, limit = 8) =>
        (await store.calledBefore({ ...task, version }, limit)).map((definition) => definition.version);
      const image = {
        reference: "a:1",
        pinned: "a@sha256:1",
        digest: "sha256:1",
        source: "registry" as const,
      };
      /** Children in this order, each of a task of another version. */
      const past = async (name: string, version: string, children: readonly string[], isEnded = true) => {
        const root = { ...newTask(ROOT_ACTION), spec: spec(version) };
        const created = await store.createRun(newRun(name), root, [image]);
        assert.ok(created !== "exists");
        for (const [n, child] of children.entries()) {
          const action = { ...newTask(`c${n}`, ROOT_ACTION), spec: spec(child) };
          await store.createAction(created.run, action, LOCAL);
        }
        if (isEnded) await step(work, created.root, { type: "abortRequested", reason: "" });
      };
      assert.deepEqual(await called("1"), []);
      await past("r1", "1", ["8", "9", "8"]);
      assert.deepEqual(await called("1"), ["8", "9"]);
      assert.deepEqual(await called("1", 1), ["8"]);
      await past("r2", "2", ["7"]);
      await past("r3", "1", ["6"], false);
      assert.deepEqual(await called("1"), ["8", "9"], "one that has not ended does not count");
      assert.deepEqual(await called("3"), ["7"], "of another version where there is none of this");
      await past("r4", "1", []);
      assert.deepEqual(await called("1"), []);
      assert.deepEqual(await store.calledBefore({ ...task, version: "1", name: "env.other" }, 8), []);
      assert.deepEqual(await store.calledBefore({ ...task, version: "1", domain: "production" }, 8), []);
    },
  );

  check(
    "runs are found by an image that they use: its reference, its digest, or the start of that",
    async ({ store }) => {
      const [one, two] = [await createRun(store, "r1"), await createRun(store, "r2")];
      const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`;
      const image = (reference: string, digit: string) => {
        const digest = digestOf(digit);
        return { reference, pinned: `${reference}@${digest}`, digest, source: "registry" as const };
      };
      await store.pinImage(one.run, image("team/a:1", "a"));
      await store.pinImage(two.run, image("team/a:1", "b"));
      await store.pinImage(two.run, image("team/b:1", "c"));
      const using = async (name: string, comparison: "exists" | "notexists" = "exists") => {
        const where = [{ field: `image.${name}`, comparison, values: [] }];
        const { items } = await store.listRuns({ project: "p" }, { ...PAGE, where });
        return items.map(({ run }) => run.key.run).toSorted();
      };
      assert.deepEqual(await using("team/a:1"), ["r1", "r2"]);
      assert.deepEqual(await using("team/a"), []);
      assert.deepEqual(await using(digestOf("b")), ["r2"]);
      assert.deepEqual(await using(`team/b@${digestOf("c")}`), ["r2"]);
      assert.deepEqual(await using("sha256:aaaaaaaaaaaa"), ["r1"]);
      assert.deepEqual(await using("sha256:aaaaaaaaaaaa", "notexists"), ["r2"]);
      assert.deepEqual(await using(digestOf("d")), []);
    },
  );

  check("grants: exact objects, and prefixes that end in a slash", async ({ store }) => {
    const grants = ["s3://b/one.txt", "s3://b/dir/"];
    const { run } = await createRun(store, "r1", grants);
    assert.equal(await store.isGranted(run.key, "s3://b/one.txt"), true);
    assert.equal(await store.isGranted(run.key, "s3://b/one.txt.bak"), false);
    assert.equal(await store.isGranted(run.key, "s3://b/dir/deep/file"), true);
    assert.equal(await store.isGranted(run.key, "s3://b/dirt"), false);
    assert.equal(await store.isGranted({ ...run.key, run: "r2" }, "s3://b/one.txt"), false);
  });

  check("a run that a task started is readable by its starter", async ({ store }) => {
    const starter = await createRun(store, "starter");
    const run = newRun("started");
    const settings = { ...run.settings, spawnedBy: starter.run.key };
    await store.createRun({ ...run, settings }, newTask(ROOT_ACTION), []);
    assert.equal(await store.isGranted(starter.run.key, `${run.baseUri}/a0/1/raw/file`), true);
    assert.equal(await store.isGranted(run.key, `${starter.run.baseUri}/a0/1/raw/file`), false);
  });

  check("a run is started by the task of another, also by runs in between", async ({ store }) => {
    const first = newRun("first");
    await store.createRun(first, newTask(ROOT_ACTION), []);
    const started = async (name: string, spawnedBy: RunKey) => {
      const run = newRun(name);
      const authority = { kind: "token", id: "t1" } as const;
      const settings = { ...run.settings, spawnedBy };
      const created = await store.createRun({ ...run, settings, authority }, newTask(ROOT_ACTION), []);
      assert.ok(created !== "exists");
      return created.run;
    };
    const second = await started("second", first.key);
    const third = await started("third", second.key);
    assert.equal(await store.isStartedBy(third.key, first.key), true);
    assert.equal(await store.isStartedBy(third.key, second.key), true);
    assert.equal(await store.isStartedBy(first.key, third.key), false);
    assert.equal(await store.isStartedBy(first.key, first.key), false);
    assert.deepEqual((await store.getRun(third.key))?.authority, { kind: "token", id: "t1" });
    assert.deepEqual((await store.getRun(first.key))?.authority, EVERYONE);
    await store.grant(first.key, ["s3://b/later.txt"]);
    assert.equal(await store.isGranted(first.key, "s3://b/later.txt"), true);
  });

  check("only the present attempt of an action is live, until it ends", async ({ store, work }) => {
    const { root } = await createRun(store, "r1");
    const key = { ...root.key, attempt: 1 };
    assert.equal(await store.isLive(key), false);
    const state = { ...root.state, phase: "initializing", attempt: 1, startedAt: NOW } as const;
    const admitted = await work.advance({
      action: root,
      state,
      effects: [],
      attempt: { attempt: 1 },
      at: NOW,
    });
    assert.ok(admitted !== "conflict");
    assert.equal(await store.isLive(key), true);
    assert.equal(await store.isLive({ ...key, attempt: 2 }), false);
    assert.equal(await store.isLive({ ...key, action: "other" }), false);
    assert.deepEqual(await store.liveAttemptsBefore(NOW + 1), [key]);
    assert.deepEqual(await store.liveAttemptsBefore(NOW), []);
    const again = { ...state, phase: "queued" } as const;
    const queued = await work.advance({ action: admitted, state: again, effects: [], at: NOW });
    assert.ok(queued !== "conflict");
    assert.equal(await store.isLive(key), false, "it has ended, and the next is not made");
    assert.deepEqual(await store.liveAttemptsBefore(NOW + 1), []);
  });

  check("tasks: deployed once per version, listed by their newest", async ({ store }) => {
    const key = { project: "p", domain: "development", name: "env.train", version: "1" };
    assert.equal(await store.deployTask(key, spec("1"), NOW, LOCAL), "created");
    assert.equal(await store.deployTask(key, spec("1"), NOW + 9, LOCAL), "exists");
    assert.equal(await store.isNamedByDeployedTask("s3://b/bundle-of-1"), true);
    assert.equal(await store.isNamedByDeployedTask("s3://b/bundle"), false);
    assert.equal(await store.isNamedByTask("s3://b/bundle-of-1"), true);
    assert.equal(await store.isNamedByTask("s3://b/bundle"), false);
    await store.deployTask({ ...key, version: "2" }, spec("2"), NOW + 1, LOCAL);
    await store.deployTask({ ...key, name: "env.other", version: "1" }, spec("3"), NOW + 2, LOCAL);
    const { items } = await store.listTasks({ project: "p" }, PAGE);
    assert.deepEqual(
      items.map((task) => `${task.key.name}:${task.key.version}`),
      ["env.other:1", "env.train:2"],
    );
    const start = { ...spec("4"), definition: { ...spec("4").definition, isEntrypoint: true } };
    await store.deployTask({ ...key, name: "env.start" }, start, NOW + 3, LOCAL);
    const names = async (isEntrypoint: boolean) =>
      (await store.listTasks({ project: "p", isEntrypoint }, PAGE)).items.map((task) => task.key.name);
    assert.deepEqual(await names(true), ["env.start"]);
    assert.deepEqual(await names(false), ["env.other", "env.train"]);
    const versions = await store.listTaskVersions(key, PAGE);
    assert.deepEqual(
      versions.items.map((task) => task.key.version),
      ["2", "1"],
    );
    assert.equal((await store.getTask(key))?.deployedAt, NOW);
  });

  check("pages neither repeat nor hide rows while others are added", async ({ store }) => {
    for (let n = 0; n < 5; n++) await createRun(store, `r${n}`);
    const first = await store.listRuns({ project: "p" }, { ...PAGE, limit: 2 });
    assert.equal(first.items.length, 2);
    await createRun(store, "newer");
    const names = first.items.map(({ run }) => run.key.run);
    for (let token = first.token; token !== "";) {
      const page = await store.listRuns({ project: "p" }, { ...PAGE, limit: 2, token });
      names.push(...page.items.map(({ run }) => run.key.run));
      token = page.token;
    }
    assert.deepEqual(names, ["r4", "r3", "r2", "r1", "r0"]);
  });

  check("filters: by phase, task, label; an unknown field is refused", async ({ store, work }) => {
    const { root } = await createRun(store, "r1");
    await createRun(store, "r2");
    await step(work, root, { type: "abortRequested", reason: "enough" });
    const where = (field: string, comparison: "=" | "in" | "exists", ...values: string[]) =>
      store.listRuns({}, { ...PAGE, where: [{ field, comparison, values }] });
    assert.equal((await where("phase", "=", "aborted")).items.length, 1);
    assert.equal((await where("phase", "in", "aborted", "queued")).items.length, 2);
    assert.equal((await where("labels.team", "=", "data")).items.length, 2);
    assert.equal((await where("labels.nope", "exists")).items.length, 0);
    assert.equal((await where("created_by", "=", newRun("r1").createdBy.who)).items.length, 2);
    assert.equal((await where("created_by", "=", "somebody")).items.length, 0);
    await assert.rejects(where("colour", "=", "red"), /no field "colour"/);
    await assert.rejects(store.listRuns({}, { ...PAGE, token: "rubbish" }), /page token/);
  });

  check("lists by time of the last change, as people sort and filter it", async ({ store, work }) => {
    const { root } = await createRun(store, "r1");
    await createRun(store, "r2");
    const next = transition(root.state, root.policy, { type: "abortRequested", reason: "enough" }, NOW + 9);
    assert.ok(next);
    await work.advance({ action: root, state: next.state, effects: [], at: NOW + 9 });
    const list = async (page: Partial<ListQuery>) =>
      (await store.listRuns({}, { ...PAGE, ...page })).items.map(({ run }) => run.key.run);
    const since = (comparison: ">=" | "<", value: number) =>
      list({ where: [{ field: "updated_at", comparison, values: [value] }] });
    assert.deepEqual(await since(">=", NOW + 9), ["r1"]);
    assert.deepEqual(await since("<", NOW + 9), ["r2"]);
    assert.deepEqual(await list({ sort: { field: "updated_at", ascending: false } }), ["r1", "r2"]);
    const first = await store.listRuns(
      {},
      { ...PAGE, limit: 1, sort: { field: "updated_at", ascending: true } },
    );
    const rest = await list({ token: first.token, sort: { field: "updated_at", ascending: true } });
    assert.deepEqual([first.items[0]?.run.key.run, ...rest], ["r2", "r1"]);
  });

  check("runs of a task, of one version of it", async ({ store }) => {
    const { run } = await createRun(store, "r1");
    await createRun(store, "r2");
    const names = async (scope: RunScope) =>
      (await store.listRuns(scope, PAGE)).items.map((listed) => listed.run.key.run);
    const { taskName, taskVersion } = (await store.getAction({ ...run.key, action: ROOT_ACTION })) ?? {};
    assert.ok(taskName && taskVersion);
    assert.deepEqual(await names({ taskName, taskVersion }), ["r2", "r1"]);
    assert.deepEqual(await names({ taskName, taskVersion: "another" }), []);
  });

  check(
    "logs are there until they are removed; old are those of runs that ended before",
    async ({ store, work }) => {
      const one = await createRun(store, "r1");
      const two = await createRun(store, "r2");
      await addChildren(store, two.run, 1);
      for (const { root } of [one, two]) await step(work, root, { type: "abortRequested", reason: "enough" });
      const old = async (before: number) => (await store.runsWithLogs(before, 10)).map(({ key }) => key.run);
      assert.deepEqual(await old(NOW), []);
      // The child of the other has not ended yet.
      assert.deepEqual(await old(NOW + 1), ["r1"]);
      await store.logsRemoved(one.run, NOW + 5);
      assert.deepEqual(await old(NOW + 1), []);
      assert.equal((await store.getRun(one.run.key))?.logsRemovedAt, NOW + 5);
      assert.equal((await store.getRun(two.run.key))?.logsRemovedAt, undefined);
    },
  );

  check(
    "a run's status: with each change of it, in lists, in counts, to its watchers",
    async ({ store, work }) => {
      const { run, root } = await createRun(store, "r1");
      await createRun(store, "r2");
      const shown = async (expected: RunStatus) => {
        const record = await store.getRun(run.key);
        assert.equal(record?.status, expected);
        for (const status of RUN_STATUSES) {
          const where = [{ field: "status", comparison: "=" as const, values: [status] }];
          const { items } = await store.listRuns({ project: "p", domain: "development" }, { ...PAGE, where });
          assert.equal(
            items.some((listed) => listed.run.key.run === "r1"),
            status === expected,
            status,
          );
          assert.ok(items.every((listed) => listed.run.status === status));
          assert.equal((await store.countRuns({})).get(status) ?? 0, items.length);
        }
        assert.deepEqual(await store.countRuns({ project: "other", domain: "development" }), new Map());
        const live = expected === "aborted" ? 1 : 2;
        assert.equal(await store.liveRuns("p", 10), live);
        assert.equal(await store.liveRuns("p", 1), 1, "no more are counted");
        assert.equal(await store.liveRuns("other", 10), 0);
      };
      await shown("queued");
      await step(work, root, { type: "waiting", reason: "waiting: needs 4 CPU, 2 free" });
      await shown("queued");
      const begun = await step(work, await reload(store, root), { type: "admitted" });
      await shown("running");
      const asks = await store.createAction(run, newCondition("ask"), LOCAL);
      const also = await store.createAction(run, newCondition("also"), LOCAL);
      assert.ok(typeof asks === "object" && typeof also === "object");
      await shown("paused");
      // Those who watch the run read it again.
      const touched = await reload(store, root);
      assert.ok(touched.seq > also.seq && touched.version === begun.version);
      assert.equal((await store.changedRuns({}, String(also.seq), 10)).items[0]?.run.status, "paused");
      const answer = { type: "signalled", value: new Uint8Array([1]) } as const;
      const answered = await step(work, asks, answer);
      await shown("paused");
      assert.deepEqual(
        (await store.pausedActions(run.id, 10)).map(({ key }) => key.action),
        ["also"],
      );
      await step(work, also, answer);
      await shown("running");
      assert.ok((await reload(store, root)).seq > answered.seq);
      await step(work, touched, { type: "attemptParked", attempt: 1, reason: "awaits its children" });
      await shown("running");
      await step(work, await reload(store, root), { type: "unparked" });
      await shown("queued");
      await store.createAction(run, newCondition("last"), LOCAL);
      await shown("paused");
      await step(work, await reload(store, root), { type: "abortRequested", reason: "enough" });
      await shown("aborted");
    },
  );

  check("what a run's page shows first", async ({ store, work }) => {
    const { run, root } = await createRun(store, "r1");
    const begun = await step(work, root, { type: "admitted" });
    const [first, second, third] = await addChildren(store, run, 3);
    assert.ok(first && second && third);
    const names = (actions: readonly ActionRecord[]) => actions.map(({ key }) => key.action);
    assert.deepEqual(names(await store.children(run.id, ROOT_ACTION, 0, 2)), ["c0", "c1"]);
    assert.deepEqual(names(await store.children(run.id, ROOT_ACTION, second.id, 2)), ["c2"]);
    assert.deepEqual(names(await store.waitingActions(run.id)), ["c0"]);
    const later = await createRun(store, "r2");
    assert.equal(await store.runsAhead(later.root, 10), 1);
    assert.equal(await store.runsAhead(first, 10), 0);
    for (const child of [third, first]) {
      const admitted = await step(work, child, { type: "admitted" });
      const error = { code: "Broken", message: "it broke", kind: "user", recoverable: true } as const;
      await step(work, admitted, { type: "attemptFailed", attempt: 1, error });
    }
    assert.deepEqual(names(await store.failedChildren(begun, 10)), ["c0", "c2"]);
    assert.deepEqual(names(await store.failedChildren(begun, 1)), ["c0"]);
    assert.deepEqual(await store.failedChildren(first, 10), []);
  });

  check("projects", async ({ store }) => {
    const project = {
      id: "p",
      name: "P",
      description: "",
      labels: {},
      state: "active" as const,
      createdAt: NOW,
    };
    assert.equal(await store.createProject(project), "created");
    assert.equal(await store.createProject(project), "exists");
    assert.equal(await store.updateProject({ ...project, state: "archived" }), "updated");
    assert.equal((await store.getProject("p"))?.state, "archived");
    assert.equal(await store.updateProject({ ...project, id: "q" }), "missing");
  });

  check("a secret stays as it was made, until it is changed", async ({ store }) => {
    assert.equal(await store.findSecret("s"), undefined);
    assert.equal(await store.secret("s", () => "one"), "one");
    assert.equal(await store.secret("s", () => "two"), "one");
    assert.equal(await store.changeSecret("s", (known) => `${known} more`), "one more");
    assert.equal(await store.changeSecret("new", (known) => String(known)), "undefined");
    assert.deepEqual([await store.findSecret("s"), await store.findSecret("new")], ["one more", "undefined"]);
  });

  check("what was answered is there after a restart", async ({ store, work, reopen }) => {
    if (reopen === undefined) return;
    const secret = await store.secret("s", () => "one");
    const { run, root } = await createRun(store, "r1");
    const running = await step(work, root, { type: "admitted" });
    await step(work, running, { type: "abortRequested", reason: "enough" });
    const again = await reopen();
    assert.equal(await again.secret("s", () => "two"), secret);
    const record = await again.getAction({ ...run.key, action: ROOT_ACTION });
    assert.equal(record?.state.phase, "aborted");
    assert.equal((await pending(await again.acquire("second"))).length, 2);
    const next = await again.createRun(newRun("r2"), newTask(ROOT_ACTION), []);
    assert.ok(typeof next === "object" && next.root.seq > (record?.seq ?? 0));
  });

  check("facts of an image are kept for its digest, platform and version", async ({ store, reopen }) => {
    const key = { digest: `sha256:${"1".repeat(64)}`, platform: "linux/amd64", version: 1 };
    const facts = imageFacts();
    assert.equal(await store.findImageFacts(key), undefined);
    await store.recordImageFacts(key, facts, NOW);
    assert.deepEqual(await store.findImageFacts(key), facts);
    const newer = imageFacts({ path: "/opt/venv/bin" });
    await store.recordImageFacts(key, newer, NOW + 1);
    assert.deepEqual(await store.findImageFacts(key), newer);
    const again = (await reopen?.()) ?? store;
    assert.deepEqual(await again.findImageFacts(key), newer);
    for (const other of [{ platform: "linux/arm64" }, { version: 2 }, { digest: "sha256:2" }])
      assert.equal(await again.findImageFacts({ ...key, ...other }), undefined);
    await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        again.recordImageFacts({ ...key, digest: `sha256:${index}` }, { ...facts, layers: [] }, NOW + 2),
      ),
    );
    assert.equal(await again.findImageFacts(key), undefined, "what was read first is forgotten");
    assert.ok(await again.findImageFacts({ ...key, digest: "sha256:0" }));
  });

  check("how an image can use a runtime is kept", async ({ store, reopen }) => {
    const fit: RuntimeFit = { kind: "has_flyte", version: "2.12.1" };
    assert.equal(await store.findRuntimeFit("sha256:1 /p cp311"), undefined);
    await store.recordRuntimeFit("sha256:1 /p cp311", { kind: "append" }, NOW);
    await store.recordRuntimeFit("sha256:1 /p cp311", fit, NOW + 1);
    const again = (await reopen?.()) ?? store;
    assert.deepEqual(await again.findRuntimeFit("sha256:1 /p cp311"), fit);
    const later = Array.from({ length: 1_000 }, (_, index) =>
      again.recordRuntimeFit(`${index}`, fit, NOW + 2),
    );
    await Promise.all(later);
    assert.equal(
      await again.findRuntimeFit("sha256:1 /p cp311"),
      undefined,
      "what was found first is forgotten",
    );
    assert.ok(await again.findRuntimeFit("0"));
  });

  check("of tokens that are not revoked, each has a name of its own", async ({ store }) => {
    assert.equal(await store.createToken(token("t1", "ci")), "created");
    assert.equal(await store.createToken(token("t2", "ci")), "exists");
    assert.equal(await store.createToken(token("t1", "other")), "exists");
    assert.equal(await store.revokeToken("t1", NOW + 1), "revoked");
    assert.equal(await store.revokeToken("t1", NOW + 2), "missing");
    assert.equal(await store.createToken({ ...token("t2", "ci"), createdAt: NOW + 3 }), "created");
    assert.deepEqual(
      (await store.listTokens()).map(({ id, name, revokedAt }) => [id, name, revokedAt]),
      [
        ["t1", "ci", NOW + 1],
        ["t2", "ci", undefined],
      ],
    );
  });

  check("a token keeps what it is made with, and its grants are replaced", async ({ store, reopen }) => {
    const made = { ...token("t1", "ci"), expiresAt: NOW + 10 };
    await store.createToken(made);
    await store.tokenUsed("t1", NOW + 1);
    assert.deepEqual(await store.getToken("t1"), { ...made, revokedAt: undefined, usedAt: NOW + 1 });
    const grants = [{ role: "viewer", project: "p" }] as const;
    assert.equal(await store.setTokenGrants("t1", grants), "updated");
    assert.equal(await store.setTokenGrants("nobody", grants), "missing");
    const later = (await reopen?.()) ?? store;
    assert.deepEqual((await later.getToken("t1"))?.grants, grants);
    await later.revokeToken("t1", NOW);
    assert.equal(await later.setTokenGrants("t1", []), "missing");
    assert.equal(await later.getToken("nobody"), undefined);
  });

  check("a session stays until it is ended, has expired, or is one too many", async ({ store, reopen }) => {
    await store.createToken(token("t1", "ci"));
    await store.createToken(token("t2", "other"));
    const session = (hash: string, until: number, more: Partial<Session> = {}): Session => ({
      kind: "cookie",
      hash,
      token: "t1",
      until,
      ...more,
    });
    const limits = { at: NOW, most: 2 };
    const all = [
      session("a", NOW + 1),
      session("b", NOW + 2),
      session("a", NOW + 2, { kind: "access_token" }),
      session("c", NOW + 2, { token: "t2" }),
    ];
    for (const each of all) await store.beginSession(each, limits);
    const later = (await reopen?.()) ?? store;
    const found = () => Promise.all(all.map(({ kind, hash }) => later.findSession(kind, hash)));
    assert.deepEqual(await found(), all);
    await later.beginSession(session("d", NOW + 3), limits);
    assert.deepEqual(await found(), [undefined, ...all.slice(1)]);
    await later.endSession("cookie", "c");
    assert.deepEqual(await found(), [undefined, all[1], all[2], undefined]);
    await later.beginSession(session("e", NOW + 4), { at: NOW + 2, most: 2 });
    assert.deepEqual(
      await found(),
      all.map(() => undefined),
    );
    assert.equal((await later.findSession("cookie", "d"))?.until, NOW + 3);
  });
}

function newRun(name: string): NewRun {
  const key: RunKey = { project: "p", domain: "development", run: name };
  return {
    key,
    spec: new Uint8Array([1, 2]),
    settings: { ...NO_SETTINGS, labels: { team: "data" } },
    baseUri: `s3://b/p/development/runs/${name}`,
    source: "cli",
    createdAt: NOW,
    createdBy: ALICE,
    authority: EVERYONE,
  };
}

function newTask(name: string, parent?: string): NewAction {
  return {
    name,
    parent,
    kind: "task",
    group: "",
    spec: spec("0"),
    displayName: "train",
    inputUri: "s3://b/i",
    policy: NO_RETRIES,
    state: newTaskState(NOW),
    grants: [],
  };
}

function newCondition(name: string): NewAction {
  return {
    ...newTask(name, ROOT_ACTION),
    kind: "condition",
    spec: undefined,
    detail: new Uint8Array(),
    state: newConditionState(NOW),
  };
}

function spec(digest: string): StoredSpec {
  const definition: TaskDefinition = {
    name: "env.train",
    version: digest,
    shortName: "train",
    type: "python",
    environment: "env",
    image: "a:1",
    relatedImages: [],
    command: [],
    args: ["a0"],
    env: {},
    requests: {},
    limits: {},
    policy: NO_RETRIES,
    reads: [`s3://b/bundle-of-${digest}`],
  };
  return { digest, bytes: new Uint8Array([7]), definition };
}

function token(id: string, name: string): AccessToken {
  const grants: Grant[] = [{ role: "runner", project: "p", domain: "development" }];
  return { id, name, hash: `hash of ${id}`, grants, createdAt: NOW, createdBy: "alice" };
}

async function createRun(store: Store, name: string, grants: readonly string[] = []) {
  const created = await store.createRun(newRun(name), { ...newTask(ROOT_ACTION), grants }, []);
  assert.ok(created !== "exists");
  return created;
}

async function addChildren(store: Store, run: RunRecord, count: number): Promise<ActionRecord[]> {
  const made: ActionRecord[] = [];
  for (let n = 0; n < count; n++) {
    const child = await store.createAction(run, newTask(`c${n}`, ROOT_ACTION), LOCAL);
    assert.ok(typeof child === "object");
    made.push(child);
  }
  return made;
}

function admitted(action: ActionRecord): ActionState {
  const next = transition(action.state, action.policy, { type: "admitted" }, NOW);
  assert.ok(next);
  return next.state;
}

async function step(
  work: Work,
  action: ActionRecord,
  event: ActionEvent,
  attempt?: Parameters<Work["advance"]>[0]["attempt"],
): Promise<ActionRecord> {
  const next = transition(action.state, action.policy, event, NOW);
  assert.ok(next);
  const facts = attempt ?? (next.state.attempt > 0 ? { attempt: next.state.attempt } : undefined);
  const stored = await work.advance({
    action,
    state: next.state,
    effects: next.effects,
    at: NOW,
    attempt: facts,
  });
  assert.ok(stored !== "conflict");
  return stored;
}

async function reload(store: Store, action: ActionRecord): Promise<ActionRecord> {
  const record = await store.getAction(action.key);
  assert.ok(record);
  return record;
}

async function heads(work: Work, now: number, queue = ""): Promise<ActionRecord[]> {
  return (await work.queueHeads(queue, now, 10)).map(({ action }) => action);
}

async function live(work: Work): Promise<ActionRecord[]> {
  return (await work.liveAttempts()).map(({ action }) => action);
}

async function pending(work: Work): Promise<readonly EffectRecord[]> {
  return work.pendingEffects("own", NOW + 1_000_000, 10);
}
