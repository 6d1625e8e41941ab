/** An orchestrator on a real store, with attempts that do what the test says. */
import { createEgressRule, type EgressRule } from "../../src/lib/egress.ts";
import { EVERYONE, LOCAL } from "../../src/domain/principal.ts";
import type { ActionRecord, NewAction } from "../../src/domain/action-record.ts";
import { NO_SETTINGS, type RunSettings } from "../../src/domain/run.ts";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { NO_RETRIES, type AttemptPolicy } from "../../src/domain/action.ts";
import { newTaskState } from "../../src/domain/initial-state.ts";
import { ROOT_ACTION } from "../../src/domain/ids.ts";
import { acceptSleep } from "../../src/domain/sleep.ts";
import type { Written } from "../../src/domain/outcome/evidence.ts";
import type { ReusePolicy } from "../../src/domain/reuse-policy.ts";
import type { Queues } from "../../src/domain/queue.ts";
import { type ResourceAmounts, type TaskDefinition } from "../../src/domain/task.ts";
import {
  createOrchestrator,
  type Orchestrator,
  type OrchestratorOptions,
} from "../../src/orchestrator/orchestrator.ts";
import { createObjectTraffic } from "../../src/orchestrator/object-traffic.ts";
import { signingKeysOf } from "../helpers/signing-keys.ts";
import { systemClock, type Clock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { createAttemptLogs, type AttemptLogs } from "../../src/logs/attempt-logs.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Executor } from "../../src/executors/executor.ts";
import type { Store, Work } from "../../src/store/store.ts";
import { createFakeExecutor, type FakeExecutor } from "../helpers/fake-executor.ts";
import type { SteppedClock } from "../helpers/stepped-clock.ts";
import { until } from "../helpers/until.ts";

/** What makes a task other than the usual one. */
export type MoreOfTask = Partial<Pick<NewAction, "queue" | "cache" | "policy">> & {
  readonly requests?: ResourceAmounts;
  readonly reuse?: ReusePolicy;
};

/** For tests that start many attempts, or step a clock that no disk waits for. */
export const NO_LOGS: AttemptLogs = {
  open: async () => ({ write: () => {}, flush: async () => {}, close: async () => {}, lastAtMs: undefined }),
  readPart: async () => undefined,
  followEnd: async function* () {},
  exists: async () => false,
  read: async function* () {},
  removeRun: async () => {},
};

export interface OrchestratorSubjectOptions {
  readonly egress?: EgressRule;
  readonly maxParallel?: number;
  readonly queues?: Queues;
  readonly written?: Written;
  readonly wrap?: (store: Store) => Store;
  /** Fills the store before the orchestrator starts. */
  readonly seed?: (store: Store) => Promise<void>;
  readonly logs?: AttemptLogs;
  readonly executor?: FakeExecutor;
  /** A killed server is not asked to stop. */
  readonly killed?: () => boolean;
  readonly clock?: Clock;
  readonly maxActionsPerRun?: number;
  readonly capCpu?: boolean;
  readonly onLeaseLost?: OrchestratorOptions["onLeaseLost"];
}

export interface Subject {
  readonly store: Store;
  readonly executor: FakeExecutor;
  readonly orchestrator: Orchestrator;
  /** A second orchestrator on the same store and executor, as after a restart. */
  restart(options?: OrchestratorSubjectOptions): Promise<Orchestrator>;
  createRun(
    name: string,
    settings?: Partial<RunSettings>,
    policy?: AttemptPolicy,
    more?: MoreOfTask,
  ): Promise<ActionRecord>;
  addChild(run: string, name: string, parent?: string, more?: MoreOfTask): Promise<void>;
  action(run: string, action?: string): Promise<ActionRecord | undefined>;
  phase(run: string, action?: string): Promise<string | undefined>;
  reached(run: string, phase: string, action?: string): Promise<void>;
  /** Effects that are not done. */
  outbox(): Promise<number>;
}

export async function orchestratorSubject(
  t: TestContext,
  options: OrchestratorSubjectOptions = {},
): Promise<Subject> {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-orchestrator-"));
  const store = openSqliteStore(":memory:");
  const executor = options.executor ?? createFakeExecutor();
  const clock = options.clock ?? systemClock;
  let work: Work | undefined;
  const seen = wrapWork((acquired) => (work = acquired))(store);
  const make = (changed: OrchestratorSubjectOptions = {}) =>
    makeOrchestrator(options.wrap ? options.wrap(seen) : seen, executor, join(directory, "logs"), {
      ...options,
      ...changed,
    });
  await options.seed?.(store);
  let orchestrator = make();
  await orchestrator.start();
  t.after(async () => {
    if (!options.killed?.()) await passing(clock, orchestrator.stop({ endAttempts: true }));
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });
  const keyOf = (run: string, action: string) => ({ project: "p", domain: "development", run, action });
  const subject: Subject = {
    store,
    executor,
    get orchestrator() {
      return orchestrator;
    },
    restart: async (changed) => {
      await orchestrator.stop({ endAttempts: false });
      executor.forgetObservers();
      orchestrator = make(changed);
      await orchestrator.start();
      return orchestrator;
    },
    createRun: async (name, settings = {}, policy = NO_RETRIES, more = {}) => {
      const key = { project: "p", domain: "development", run: name };
      const { root } = await orchestrator.createRun(
        {
          key,
          spec: new Uint8Array(),
          settings: { ...NO_SETTINGS, ...settings },
          baseUri: `s3://b/${name}`,
          source: "",
          createdAt: clock.now(),
          createdBy: LOCAL,
          authority: EVERYONE,
        },
        newTask(ROOT_ACTION, undefined, { policy, ...more }, clock.now()),
      );
      return root;
    },
    addChild: async (run, name, parent = ROOT_ACTION, more = {}) => {
      const record = await store.getRun({ project: "p", domain: "development", run });
      assert.ok(record);
      await orchestrator.enqueue(record, newTask(name, parent, more, clock.now()), LOCAL);
    },
    action: async (run, action = ROOT_ACTION) => store.getAction(keyOf(run, action)),
    phase: async (run, action) => (await subject.action(run, action))?.state.phase,
    outbox: async () => {
      assert.ok(work);
      const all = [];
      for (const lane of ["own", "webhooks"] as const)
        all.push(...(await work.pendingEffects(lane, Number.MAX_SAFE_INTEGER, 1_000)));
      return all.length;
    },
    reached: async (run, phase, action) => until(async () => (await subject.phase(run, action)) === phase),
  };
  return subject;
}

/** Steps a clock that stands still until the work is over: what a failed test left may wait for time to pass. */
async function passing(clock: Clock, work: Promise<void>): Promise<void> {
  if (!("step" in clock)) return work;
  let isOver = false;
  const ended = work.finally(() => (isOver = true));
  while (!isOver) await (clock as SteppedClock).step(1_000);
  return ended;
}

/** A store whose owner's work is another. */
export function wrapWork(change: (work: Work) => Work): (store: Store) => Store {
  return (store) => ({ ...store, acquire: async (owner) => change(await store.acquire(owner)) });
}

export function makeOrchestrator(
  store: Store,
  executor: Executor,
  logs: string,
  options: OrchestratorSubjectOptions = {},
): Orchestrator {
  return createOrchestrator({
    store,
    executor,
    logs: options.logs ?? createAttemptLogs(logs),
    traffic: createObjectTraffic(),
    signingKeys: signingKeysOf("secret"),
    readWritten: async () => options.written ?? { kind: "outputs" },
    urisInOutputs: async () => [],
    egress: options.egress ?? createEgressRule(),
    endpoint: () => "127.0.0.1:1",
    maxParallel: options.maxParallel ?? 4,
    queues: options.queues ?? new Map(),
    ...(options.maxActionsPerRun === undefined ? {} : { maxActionsPerRun: options.maxActionsPerRun }),
    ...(options.capCpu === undefined ? {} : { capCpu: options.capCpu }),
    ...(options.onLeaseLost === undefined ? {} : { onLeaseLost: options.onLeaseLost }),
    stopGraceMs: 10,
    clock: options.clock ?? systemClock,
    log: silentLogger,
  });
}

/** With `sleepMs` in its policy it is a sleep. */
export function newTask(name: string, parent: string | undefined, more: MoreOfTask, now: number): NewAction {
  const { requests = {}, policy = NO_RETRIES, queue, cache, reuse } = more;
  const definition: TaskDefinition = {
    name: "env.task",
    version: "1",
    shortName: "task",
    type: policy.sleepMs === undefined ? "python" : "core-sleep",
    environment: "env",
    image: policy.sleepMs === undefined ? "image:1" : "",
    relatedImages: [],
    command: [],
    args: ["a0", "{{.input}}"],
    env: {},
    requests,
    limits: {},
    policy,
    ...(reuse && { reuse }),
    reads: [],
  };
  return {
    name,
    parent,
    kind: "task",
    group: "",
    spec: { digest: JSON.stringify([policy, requests, reuse]), bytes: new Uint8Array(), definition },
    displayName: "task",
    inputUri: "s3://b/in",
    policy,
    queue,
    cache,
    grants: [],
    ...(policy.sleepMs === undefined ? { state: newTaskState(now, cache) } : acceptSleep(policy, now, cache)),
  };
}

/** Steps the clock until a while of it changes nothing more. */
export async function settle(clock: SteppedClock, count: () => unknown): Promise<void> {
  for (let before: unknown; before !== count();) {
    before = count();
    await clock.step(100);
  }
}
