/**
 * Random histories: whatever is accepted, ends, is aborted, answered, retried, fails or restarts in whatever order,
 * what the dispatcher counts is what the store
 * holds, the heads of the queues are the actions that wait, and every action comes to an end.
 * Another history: BOXKITE_TEST_SEED=N.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { ActionRecord, NewAction } from "../../src/domain/action-record.ts";
import { isQueued, NO_RETRIES, type AttemptPolicy } from "../../src/domain/action.ts";
import type { AttemptExit } from "../../src/domain/attempt.ts";
import { newConditionState } from "../../src/domain/initial-state.ts";
import { isTerminal } from "../../src/domain/phase.ts";
import { LOCAL } from "../../src/domain/principal.ts";
import type { Queues } from "../../src/domain/queue.ts";
import { sum } from "../../src/domain/resources.ts";
import type { ResourceAmounts } from "../../src/domain/task.ts";
import { Load } from "../../src/orchestrator/load.ts";
import type { Work } from "../../src/store/store.ts";
import { createFakeExecutor, type FakeAttempt } from "../helpers/fake-executor.ts";
import { randomOf, type Random } from "../helpers/random.ts";
import { steppedClock } from "../helpers/stepped-clock.ts";
import { NO_LOGS, orchestratorSubject, wrapWork, type MoreOfTask } from "./subject.ts";

const STEPS = 300;
const QUEUES: Queues = new Map(
  [
    { name: "narrow", maxParallel: 1, priority: 0 },
    { name: "wide", maxParallel: 3, priority: 0 },
    { name: "urgent", maxParallel: 2, priority: 10 },
  ].map((queue) => [queue.name, queue]),
);
const QUEUE_NAMES = ["", ...QUEUES.keys()];
const POLICIES: readonly AttemptPolicy[] = [
  NO_RETRIES,
  { userRetries: 2, backoff: { baseMs: 1_000, factor: 2 } },
  { userRetries: 1, maxRuntimeMs: 20_000 },
  { userRetries: 1, queuedTimeoutMs: 30_000 },
  { userRetries: 3, deadlineMs: 90_000 },
];
const EXITED: AttemptExit = { reason: "exited", exitCode: 0, outOfMemory: false };
const EXITS: readonly AttemptExit[] = [
  EXITED,
  { reason: "exited", exitCode: 1, outOfMemory: false },
  { reason: "lost", outOfMemory: false, message: "the engine went away" },
  { reason: "preempted", outOfMemory: false, message: "something more urgent" },
  { reason: "parked", outOfMemory: false, message: "its children run" },
];

const given = process.env["BOXKITE_TEST_SEED"];
const first = given === undefined ? Math.trunc(Math.random() * 2 ** 31) : Number(given);

for (const seed of given === undefined ? [1, first] : [first]) {
  test(`a random history: the load that is counted is the one in the store, and all ends (seed ${seed})`, (t) =>
    history(t, randomOf(seed)));
}

async function history(t: TestContext, random: Random): Promise<void> {
  const world = await setUp(t, random);
  const moves = [
    ...Array.from({ length: 3 }, () => world.createRun),
    ...Array.from({ length: 6 }, () => world.addChild),
    ...Array.from({ length: 8 }, () => world.endAttempt),
    ...Array.from({ length: 4 }, () => world.passTime),
    world.addCondition,
    world.answer,
    world.abort,
    world.report,
    world.writeOutputs,
    world.fail,
    world.changeCapacity,
    world.restart,
  ];
  for (let step = 0; step < STEPS; step++) {
    const move = random.pick(moves);
    if (process.env["T"]) console.error(step, move.name);
    await move();
    await world.turn();
    await world.check(step);
  }
  await world.finish();
}

async function setUp(t: TestContext, random: Random) {
  const clock = steppedClock();
  const written: { kind: "nothing" | "outputs" } = { kind: "nothing" };
  const fake = createFakeExecutor();
  let cpu = 6;
  let capacityChanged = () => {};
  const executor = Object.defineProperty(
    { ...fake, onCapacityChange: (listener: () => void) => ((capacityChanged = listener), () => {}) },
    "capacity",
    { get: (): ResourceAmounts => ({ cpu, memoryBytes: 32 }) },
  );
  const counted = watchLoad(t);
  let work: Work | undefined;
  let failures = 0;
  const wrap = wrapWork((acquired) => {
    work = acquired;
    return {
      ...acquired,
      advance: (change) => {
        if (failures === 0) return acquired.advance(change);
        // The dispatcher forgets its counts where it was its change.
        counted.forget();
        // Half of them fail after the commit, as where the connection to a database breaks.
        const isLate = failures-- % 2 === 0;
        const failed = new Error("the store cannot write");
        return isLate
          ? acquired.advance(change).then(() => (counted.forget(), Promise.reject(failed)))
          : Promise.reject(failed);
      },
    };
  });
  const subject = await orchestratorSubject(t, {
    clock,
    executor,
    written,
    wrap,
    logs: NO_LOGS,
    // A failed history is not driven to its end by a clock that nobody steps.
    killed: () => true,
    queues: QUEUES,
    maxParallel: 5,
  });
  const { store } = subject;
  const runs: string[] = [];
  let names = 0;

  const all = async (): Promise<ActionRecord[]> => {
    const lists = runs.map(async (run) => {
      const key = { project: "p", domain: "development", run };
      return (await store.listActions(key, { limit: 1_000, token: "", where: [] })).items;
    });
    return (await Promise.all(lists)).flat();
  };
  const some = async (isWanted: (action: ActionRecord) => boolean): Promise<ActionRecord | undefined> => {
    const wanted = (await all()).filter(isWanted);
    return wanted.length === 0 ? undefined : random.pick(wanted);
  };
  const isRunning = ({ state }: ActionRecord) => state.phase === "running";
  const randomTask = (): MoreOfTask => ({
    queue: random.pick(QUEUE_NAMES),
    policy: random.pick(POLICIES),
    requests: { cpu: random.pick([0.1, 1, 2]), memoryBytes: random.pick([1, 4]) },
    ...(random.chance(0.2) && {
      cache: {
        key: random.pick(["k1", "k2"]),
        serialize: random.chance(0.7),
        overwrite: false,
        sameProject: false,
        maxAgeMs: 5_000,
      },
    }),
  });
  /** What the server does goes on by itself, not what the caller waits for: a store that fails may answer late. */
  const quietly = (call: Promise<unknown>) => void call.catch(() => {});
  const live = (): FakeAttempt[] => fake.started.filter(({ stopped, released }) => !stopped && !released);
  const exits = new WeakSet<FakeAttempt>();
  const end = (attempt: FakeAttempt, exit: AttemptExit) => {
    exits.add(attempt);
    attempt.observer.ended(exit);
  };
  const turn = () => clock.step(random.pick([0, 0, 20]));

  return {
    turn,
    createRun: async () => {
      const run = `r${names++}`;
      runs.push(run);
      const more = randomTask();
      quietly(subject.createRun(run, { maxConcurrency: random.pick([0, 0, 1, 2]) }, more.policy, more));
    },
    addChild: async () => {
      const parent = await some(isRunning);
      if (parent) quietly(subject.addChild(parent.key.run, `c${names++}`, parent.key.action, randomTask()));
    },
    addCondition: async () => {
      const parent = await some(isRunning);
      const run = parent && (await store.getRun(parent.key));
      if (run)
        quietly(subject.orchestrator.enqueue(run, condition(`q${names++}`, parent, clock.now()), LOCAL));
    },
    answer: async () => {
      const asked = await some(({ state }) => state.phase === "paused");
      if (asked) quietly(subject.orchestrator.signal(asked.key, Buffer.from([1]), LOCAL));
    },
    abort: async () => {
      const action = await some(({ state }) => !isTerminal(state.phase));
      if (action) quietly(subject.orchestrator.abort(action.key, "enough", LOCAL));
    },
    endAttempt: async () => {
      const attempts = live().filter((attempt) => !exits.has(attempt));
      if (attempts.length === 0) return;
      written.kind = random.chance(0.5) ? "outputs" : "nothing";
      end(random.pick(attempts), random.pick(EXITS));
    },
    report: async () => {
      const attempts = live().filter((attempt) => !exits.has(attempt));
      if (attempts.length === 0) return;
      const { observer } = random.pick(attempts);
      if (random.chance(0.5)) observer.waiting("no node is free");
      else observer.progress("pulling image");
    },
    writeOutputs: async () => {
      const attempts = live().filter((attempt) => !exits.has(attempt));
      if (attempts.length === 0) return;
      const { run, action, attempt } = random.pick(attempts).spec.key;
      written.kind = "outputs";
      subject.orchestrator.objectWritten(`p/development/runs/${run}/${action}/${attempt}/outputs.pb`);
    },
    fail: async () => {
      if (random.chance(0.5)) failures = random.pick([1, 2]);
      else fake.failNext(random.pick(["stop", "release"] as const), random.pick([1, 3]));
    },
    changeCapacity: async () => {
      cpu = random.pick([1, 2, 6]);
      capacityChanged();
    },
    passTime: () => clock.step(random.pick([50, 1_000, 5_000, 40_000])),
    restart: async () => {
      failures = 0;
      let restarted = false;
      void subject.restart().then(() => (restarted = true));
      // A stop waits for what is under way: time has to pass for it.
      for (let turns = 0; !restarted; turns++) {
        assert.ok(turns < 1_000, "the restart does not come to an end");
        await clock.step(100);
      }
      counted.forget();
      for (const attempt of live()) exits.delete(attempt);
    },
    check: async (step: number) => {
      const load = counted.load();
      if (work === undefined || load === undefined) return;
      const actions = await all();
      const rebuilt = await counted.rebuild(work);
      assert.deepEqual(summary(load, actions), summary(rebuilt, actions), `step ${step}: load`);
      const heads = await Promise.all(
        QUEUE_NAMES.map(async (queue) => (await work?.queueHeads(queue, clock.now(), 1_000)) ?? []),
      );
      assert.deepEqual(
        heads
          .flat()
          .map(({ action }) => action.id)
          .toSorted((a, b) => a - b),
        await startable(work, actions, clock.now()),
        `step ${step}: heads of the queues`,
      );
    },
    /** Everything succeeds from now on. */
    finish: async () => {
      failures = 0;
      cpu = 6;
      capacityChanged();
      for (let turns = 0; (await all()).some(({ state }) => !isTerminal(state.phase)); turns++) {
        assert.ok(turns < 500, `these do not end: ${leftOf(await all())}`);
        written.kind = "outputs";
        for (const attempt of live()) end(attempt, EXITED);
        await clock.step(1_000);
      }
      await clock.step(120_000);
      assert.equal(await subject.outbox(), 0);
      assert.deepEqual(await fake.list(), []);
    },
  };
}

/** Ids of the longest-waiting action of each run in each queue whose earlier attempt is gone. */
async function startable(work: Work, actions: readonly ActionRecord[], now: number): Promise<number[]> {
  const pending = await work.pendingEffects("own", Number.MAX_SAFE_INTEGER, 10_000);
  const held = new Set(
    pending
      .filter(({ effect: { type } }) => type === "stopAttempt" || type === "releaseAttempt")
      .map(({ action }) => action.id),
  );
  const heads = new Map<string, ActionRecord>();
  for (const action of actions) {
    if (!isQueued(action.state) || action.state.notBefore > now || held.has(action.id)) continue;
    const name = `${action.runId} ${action.queue}`;
    const head = heads.get(name);
    const isEarlier = head && (action.state.notBefore - head.state.notBefore || action.id - head.id) < 0;
    if (head === undefined || isEarlier) heads.set(name, action);
  }
  return [...heads.values()].map(({ id }) => id).toSorted((a, b) => a - b);
}

/** The counts of the dispatcher, which nothing else shows. */
function watchLoad(t: TestContext) {
  let seen: Load | undefined;
  let isWatching = true;
  const note = (load: Load) => {
    if (isWatching) seen = load;
  };
  for (const name of ["admit", "change"] as const) {
    const original = Load.prototype[name] as (...values: unknown[]) => unknown;
    t.mock.method(Load.prototype, name, function (this: Load, ...values: unknown[]) {
      note(this);
      return original.apply(this, values);
    });
  }
  return {
    load: () => seen,
    forget: () => (seen = undefined),
    rebuild: async (work: Work) => {
      const [live, unfinished] = [await work.liveAttempts(), await work.unfinishedChildren()];
      isWatching = false;
      const load = new Load(live, unfinished);
      isWatching = true;
      return load;
    },
  };
}

function summary(load: Load, actions: readonly ActionRecord[]) {
  return {
    computing: load.computing,
    used: sum(load.used, {}),
    queues: QUEUE_NAMES.map((queue) => load.computingInQueue(queue)),
    runs: actions.map((action) => [
      load.computingOfRun(action.runId),
      load.liveOfRun(action.runId),
      load.computingOfRunInQueue(action),
    ]),
  };
}

function leftOf(actions: readonly ActionRecord[]): string {
  const left = actions.filter(({ state }) => !isTerminal(state.phase));
  return JSON.stringify(left.map(({ key, queue, state }) => ({ ...key, queue, ...state })));
}

function condition(name: string, parent: ActionRecord, now: number): NewAction {
  return {
    name,
    parent: parent.key.action,
    kind: "condition",
    group: "",
    displayName: "ok?",
    inputUri: "",
    policy: NO_RETRIES,
    state: newConditionState(now),
    grants: [],
  };
}
