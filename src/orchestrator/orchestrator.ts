/**
 * The orchestrator: accepts runs and actions, and drives each to its end. What it has to do next is always in
 * the store; a restart reads it there. Every commit wakes the loops, and each of them reads the store at its
 * own pace. Only the process that has the lease of the store drives runs (store.ts, Work).
 */
import { randomUUID } from "node:crypto";
import type { ActionRecord, NewAction } from "../domain/action-record.ts";
import type { NewRun, RunRecord } from "../domain/run.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { ActionKey } from "../domain/ids.ts";
import type { Written } from "../domain/outcome.ts";
import type { Principal } from "../domain/principal.ts";
import { requireQueue, type Queues } from "../domain/queue.ts";
import { requireFits } from "../domain/resources.ts";
import type { Executor } from "../executors/executor.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { AttemptLogs } from "../logs/attempt-logs.ts";
import type { Store, Work } from "../store/store.ts";
import { requireAction } from "../store/require.ts";
import type { AdmissionOptions } from "./admission.ts";
import { createApply, type Apply } from "./apply.ts";
import { attemptText, createAttempts, type Attempts } from "./attempts.ts";
import { createDispatcher, type Dispatcher } from "./dispatcher.ts";
import { createEffects, type Effects } from "./effects.ts";
import { resolveAll } from "./images.ts";
import { attemptOfResult } from "./paths.ts";
import type { RunIdentities } from "./run-identity.ts";
import { createTimers, type Timers } from "./timers.ts";
import { sendRequest } from "./webhook.ts";

export interface OrchestratorOptions {
  readonly store: Store;
  readonly executor: Executor;
  readonly logs: AttemptLogs;
  readonly identities: RunIdentities;
  readonly readWritten: (prefix: string) => Promise<Written>;
  /** See admission.ts. */
  readonly urisInOutputs: AdmissionOptions["urisInOutputs"];
  /** host:port at which attempts reach the server; asked at each start of an attempt. */
  readonly endpoint: () => string;
  /** Name of this process as the owner of the lease. @default a random one */
  readonly owner?: string;
  /** Called once when another server has taken over the store, and this one has stopped driving runs. */
  readonly onLeaseLost?: (error: BoxkiteError) => void;
  readonly maxParallel: number;
  readonly queues: Queues;
  /** Limit for one run, its root included. */
  readonly maxActionsPerRun?: number;
  /** Between SIGTERM and SIGKILL. */
  readonly stopGraceMs?: number;
  /** How long the process of an attempt may go on once its result is written. */
  readonly lingerMs?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Orchestrator {
  /** Resumes what an earlier server left running, then drives all runs. */
  start(): Promise<void>;
  /**
   * Running attempts continue, and the next start resumes supervising them. If there will be no next start,
   * `endAttempts` ends them all and frees what they hold.
   */
  stop(options: { readonly endAttempts: boolean }): Promise<void>;
  /** Resolves the images and accepts the run. Throws RUN_EXISTS. */
  createRun(
    run: NewRun,
    root: NewAction,
    seeds?: readonly NewAction[],
  ): Promise<{ readonly run: RunRecord; readonly root: ActionRecord }>;
  /** Accepts an action; "exists" when the run has one of that name already. */
  enqueue(run: RunRecord, action: NewAction, by: Principal): Promise<ActionRecord | "exists">;
  /** Aborts an action and its descendants. One that has ended stays as it is. Throws ACTION_NOT_FOUND. */
  abort(key: ActionKey, reason: string, by: Principal): Promise<void>;
  /** Reports that an object was written; `key`: its key in the bucket. */
  objectWritten(key: string): void;
  /** Answers a condition. Throws ACTION_NOT_FOUND, or INVALID_ARGUMENT if it does not wait for an answer. */
  signal(key: ActionKey, value: Uint8Array, by: Principal): Promise<void>;
}

const DEFAULT_STOP_GRACE_MS = 10_000;
export const DEFAULT_LINGER_MS = 30_000;
/** Far above what people start on purpose: endless recursion must not fill the disk. */
const MAX_ACTIONS_PER_RUN = 100_000;
/** How long a stop waits for effects in progress; the next start performs the rest. */
const DRAIN_MS = 3_000;

export function createOrchestrator(options: OrchestratorOptions): Orchestrator {
  const { store, executor, clock, log, maxActionsPerRun = MAX_ACTIONS_PER_RUN } = options;
  let parts: Parts | undefined;
  /** Set once another process has the lease. */
  let left: Promise<void> | undefined;
  const started = (): Parts => {
    if (parts === undefined) throw new Error("the orchestrator was not started");
    return parts;
  };

  /** Another process drives the runs from now on, and owns the attempts that run. */
  const leave = async (
    error: BoxkiteError,
    { unsubscribe, dispatcher, timers, effects, attempts }: Parts,
  ) => {
    log.error("another server has taken over the store: this one stops driving runs", { error });
    unsubscribe();
    await Promise.allSettled([timers.stop(), dispatcher.stop(), effects.stop(), attempts.close()]);
    options.onLeaseLost?.(error);
  };

  return {
    start: async () => {
      const leased = await store.acquire(options.owner ?? randomUUID());
      const work = whenLost(leased, (error) => {
        if (parts !== undefined) left ??= leave(error, parts);
      });
      const rebased = await work.rebaseTimes(clock.now());
      if (rebased > 0)
        log.warn("the machine's clock was set back: stored times were adjusted", { actions: rebased });
      parts = assemble(options, work);
      const live = (await work.liveAttempts()).map(({ action }) => action);
      if (live.length > 0)
        log.info("resuming attempts that an earlier server left running", { attempts: live.length });
      await reapLeftovers(options, parts.attempts, live);
      for (const action of live) parts.attempts.takeUp(action);
      parts.begin();
    },
    stop: async ({ endAttempts }) => {
      if (parts === undefined || left !== undefined) return left;
      const { unsubscribe, timers, dispatcher, effects, attempts, work } = parts;
      unsubscribe();
      await timers.stop();
      await dispatcher.stop();
      await effects.drain(DRAIN_MS);
      if (endAttempts) await Promise.allSettled((await executor.list()).map((key) => attempts.stop(key)));
      await attempts.close();
      await effects.stop();
      const live = endAttempts ? [] : await work.liveAttempts();
      if (live.length > 0)
        log.info("attempts continue; the next start resumes supervising them", { attempts: live.length });
    },
    createRun: async (run, root, seeds = []) => {
      const definition = root.spec?.definition;
      if (definition) requireFits(definition, executor.capacity);
      requireQueue(options.queues, root.queue ?? "");
      const references = definition ? [definition.image, ...definition.relatedImages] : [];
      const images = await resolveAll(executor, references);
      const created = await store.createRun(run, root, images, seeds);
      if (created === "exists") {
        throw new BoxkiteError(
          "RUN_EXISTS",
          `run ${run.key.run} exists already in ${run.key.project}/${run.key.domain}`,
          {
            hint: "choose another name, or none to have one made",
          },
        );
      }
      if (definition) executor.expect?.({ images, requests: definition.requests, limits: definition.limits });
      return created;
    },
    enqueue: async (run, action, by) => {
      // A retried parent finds its child even where the settings have changed since.
      if (await store.getAction({ ...run.key, action: action.name })) return "exists";
      if (action.spec) requireFits(action.spec.definition, executor.capacity);
      requireQueue(options.queues, action.queue ?? "");
      const created = await store.createAction(run, action, by, maxActionsPerRun);
      if (created === "run_full") {
        throw new BoxkiteError(
          "LIMIT_EXCEEDED",
          `run ${run.key.run} has ${maxActionsPerRun} actions, which is the limit of a run`,
          { hint: "start further runs, or let each action do more" },
        );
      }
      if (created === "parent_missing") {
        throw new BoxkiteError(
          "ACTION_NOT_FOUND",
          `parent action ${action.parent} is not in run ${run.key.run}`,
        );
      }
      if (created === "parent_ended") {
        throw new BoxkiteError(
          "INVALID_ARGUMENT",
          `parent action ${action.parent} of ${action.name} has ended`,
        );
      }
      return created;
    },
    abort: async (key, reason, by) => {
      await requireAction(store, key);
      await started().apply(key, { type: "abortRequested", reason }, { by });
    },
    objectWritten: (key) => {
      const attempt = attemptOfResult(key);
      if (attempt !== undefined) parts?.attempts.resultWritten(attempt);
    },
    signal: async (key, value, by) => {
      const action = await requireAction(store, key);
      if (action.state.phase !== "paused") {
        throw new BoxkiteError(
          "INVALID_ARGUMENT",
          `action ${key.action} waits for no signal: it is ${action.state.phase}`,
        );
      }
      if ((await started().apply(key, { type: "signalled", value }, { by })) === undefined) {
        throw new BoxkiteError(
          "INVALID_ARGUMENT",
          `action ${key.action} was answered by another caller, or ended`,
        );
      }
    },
  };
}

/** What drives the runs while this process has the lease. */
interface Parts {
  readonly work: Work;
  readonly apply: Apply;
  readonly attempts: Attempts;
  readonly dispatcher: Dispatcher;
  readonly effects: Effects;
  readonly timers: Timers;
  begin(): void;
  /** Stops listening for changes. */
  unsubscribe(): void;
}

function assemble(options: OrchestratorOptions, work: Work): Parts {
  const { store, executor, clock } = options;
  const apply = createApply(store, work, clock);
  const stopGraceMs = options.stopGraceMs ?? DEFAULT_STOP_GRACE_MS;
  const lingerMs = options.lingerMs ?? DEFAULT_LINGER_MS;
  const attempts = createAttempts({ ...options, work, apply, stopGraceMs, lingerMs });
  const dispatcher = createDispatcher({
    ...options,
    work,
    apply,
    attempts,
    get capacity() {
      return executor.capacity;
    },
  });
  const onFreed = (queue: string) => dispatcher.wake(queue);
  const effects = createEffects({ ...options, work, apply, attempts, send: sendRequest, onFreed });
  const timers = createTimers({ ...options, work, apply, onQueueDue: () => dispatcher.wake() });
  // After the callers of a commit were answered: they should not wait for the passes of the orchestrator.
  let waking = false;
  let passWanted = false;
  const wake = () => {
    if (waking) return;
    waking = true;
    setImmediate(() => {
      waking = false;
      pass();
    });
  };
  const pass = () => {
    if (passWanted) dispatcher.wake();
    passWanted = false;
    effects.wake();
    timers.wake();
  };
  const ignoreChanges = store.onChange((changed) => {
    for (const action of changed) passWanted = dispatcher.changed(action) || passWanted;
    wake();
  });
  const ignoreCapacity = executor.onCapacityChange?.(() => dispatcher.wake());
  const unsubscribe = () => {
    ignoreChanges();
    ignoreCapacity?.();
  };
  const begin = () => {
    passWanted = true;
    pass();
  };
  return { work, apply, attempts, dispatcher, effects, timers, begin, unsubscribe };
}

/** The same work; reports when a write fails because another process has the lease. */
function whenLost(work: Work, lost: (error: BoxkiteError) => void): Work {
  const reporting =
    <Values extends unknown[], Result>(write: (...values: Values) => Promise<Result>) =>
    async (...values: Values): Promise<Result> => {
      try {
        return await write(...values);
      } catch (error) {
        if (error instanceof BoxkiteError && error.code === "LEASE_LOST") lost(error);
        throw error;
      }
    };
  return {
    ...work,
    advance: reporting(work.advance),
    recordAttempt: reporting(work.recordAttempt),
    effectDone: reporting(work.effectDone),
    postponeEffect: reporting(work.postponeEffect),
  };
}

/**
 * Ends orphaned attempts: their action moved on while no server ran. Only those that the executor holds for this
 * server instance, and none of a live action.
 */
async function reapLeftovers(
  { executor, log }: OrchestratorOptions,
  attempts: Attempts,
  live: readonly ActionRecord[],
): Promise<void> {
  const wanted = new Set(live.map((action) => attemptText({ ...action.key, attempt: action.state.attempt })));
  for (const key of await executor.list()) {
    if (wanted.has(attemptText(key))) continue;
    log.info("ending an orphaned attempt", { attempt: attemptText(key) });
    attempts
      .stop(key)
      .catch((error: unknown) =>
        log.warn("an orphaned attempt could not be ended", { attempt: attemptText(key), error }),
      );
  }
}
