/**
 * The orchestrator: accepts runs and actions, and drives each to its end. What it has to do next is always in
 * the store; a restart reads it there. Change → look: every commit wakes the loops, each of which looks
 * at the store at its own pace.
 */
import type { ActionRecord, NewAction } from "../domain/action-record.ts";
import type { NewRun, RunRecord } from "../domain/run.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { ActionKey } from "../domain/ids.ts";
import type { Written } from "../domain/outcome.ts";
import { requireQueue, type Queues } from "../domain/queue.ts";
import { requireFits } from "../domain/resources.ts";
import type { Executor } from "../executors/executor.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { AttemptLogs } from "../logs/attempt-logs.ts";
import type { Store } from "../store/store.ts";
import { requireAction } from "../store/require.ts";
import type { AdmissionOptions } from "./admission.ts";
import { createApply } from "./apply.ts";
import { attemptText, createAttempts } from "./attempts.ts";
import { createDispatcher } from "./dispatcher.ts";
import { createEffects } from "./effects.ts";
import { resolveAll } from "./images.ts";
import type { RunIdentities } from "./run-identity.ts";
import { createTimers } from "./timers.ts";
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
  readonly maxParallel: number;
  readonly queues: Queues;
  /** Of one run, its root included. */
  readonly maxActionsPerRun?: number;
  /** Between SIGTERM and SIGKILL. */
  readonly stopGraceMs?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Orchestrator {
  /** Takes up what an earlier server left, then works. */
  start(): Promise<void>;
  /**
   * Running attempts go on, and the next start takes them up; unless there will be none: then
   * `endAttempts` ends and frees them all.
   */
  stop(options: { readonly endAttempts: boolean }): Promise<void>;
  /** Resolves the images and accepts the run. Throws RUN_EXISTS. */
  createRun(
    run: NewRun,
    root: NewAction,
    seeds?: readonly NewAction[],
  ): Promise<{ readonly run: RunRecord; readonly root: ActionRecord }>;
  /** Accepts an action; "exists" when the run has one of that name already. */
  enqueue(run: RunRecord, action: NewAction): Promise<ActionRecord | "exists">;
  /** Ends an action and all below it. An ended one stays as it is. Throws ACTION_NOT_FOUND. */
  abort(key: ActionKey, reason: string): Promise<void>;
  /** Answers a condition. Throws ACTION_NOT_FOUND, or INVALID_ARGUMENT if it waits for nothing. */
  signal(key: ActionKey, value: Uint8Array): Promise<void>;
}

const DEFAULT_STOP_GRACE_MS = 10_000;
/** Far above what people start on purpose: a task that calls itself for ever must not fill the disk. */
const MAX_ACTIONS_PER_RUN = 100_000;
/** How long a stop waits for what is under way; the next start does the rest. */
const DRAIN_MS = 3_000;

export function createOrchestrator(options: OrchestratorOptions): Orchestrator {
  const { store, executor, clock, log, maxActionsPerRun = MAX_ACTIONS_PER_RUN } = options;
  const apply = createApply(store, clock);
  const attempts = createAttempts({
    ...options,
    apply,
    stopGraceMs: options.stopGraceMs ?? DEFAULT_STOP_GRACE_MS,
  });
  const dispatcher = createDispatcher({
    ...options,
    apply,
    attempts,
    get capacity() {
      return executor.capacity;
    },
  });
  const effects = createEffects({
    ...options,
    apply,
    attempts,
    send: sendRequest,
    onFreed: () => dispatcher.wake(),
  });
  const timers = createTimers({ ...options, apply, onQueueDue: () => dispatcher.wake() });
  // After the callers of a commit were answered: the looks of the orchestrator are not what they wait for.
  let waking = false;
  const wake = () => {
    if (waking) return;
    waking = true;
    setImmediate(() => {
      waking = false;
      dispatcher.wake();
      effects.wake();
      timers.wake();
    });
  };
  let unsubscribe = () => {};
  let forgetCapacity = () => {};

  /** Attempts that run without anyone waiting for them: their action moved on while we were down. */
  const reapLeftovers = async (live: readonly ActionRecord[]) => {
    const wanted = new Set(
      live.map((action) => attemptText({ ...action.key, attempt: action.state.attempt })),
    );
    for (const key of await executor.list()) {
      if (wanted.has(attemptText(key))) continue;
      log.info("ending a leftover attempt", { attempt: attemptText(key) });
      attempts
        .stop(key)
        .catch((error: unknown) =>
          log.warn("a leftover could not be ended", { attempt: attemptText(key), error }),
        );
    }
  };

  return {
    start: async () => {
      const live = await store.liveAttempts();
      if (live.length > 0)
        log.info("taking up what an earlier server left running", { attempts: live.length });
      await reapLeftovers(live);
      for (const action of live) attempts.supervise(action);
      unsubscribe = store.onChange(wake);
      forgetCapacity = executor.onCapacityChange?.(() => dispatcher.wake()) ?? forgetCapacity;
      wake();
    },
    stop: async ({ endAttempts }) => {
      unsubscribe();
      forgetCapacity();
      timers.stop();
      await dispatcher.stop();
      await effects.drain(DRAIN_MS);
      if (endAttempts) await Promise.allSettled((await executor.list()).map((key) => attempts.stop(key)));
      await attempts.close();
      await effects.stop();
      const live = endAttempts ? [] : await store.liveAttempts();
      if (live.length > 0)
        log.info("attempts go on; the next start takes them up", { attempts: live.length });
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
    enqueue: async (run, action) => {
      // A parent that is tried again finds it, whatever the server's settings are by now.
      if (await store.getAction({ ...run.key, action: action.name })) return "exists";
      if (action.spec) requireFits(action.spec.definition, executor.capacity);
      requireQueue(options.queues, action.queue ?? "");
      const created = await store.createAction(run, action, maxActionsPerRun);
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
    abort: async (key, reason) => {
      await requireAction(store, key);
      await apply(key, { type: "abortRequested", reason });
    },
    signal: async (key, value) => {
      const action = await requireAction(store, key);
      if (action.state.phase !== "paused") {
        throw new BoxkiteError(
          "INVALID_ARGUMENT",
          `action ${key.action} waits for no signal: it is ${action.state.phase}`,
        );
      }
      if ((await apply(key, { type: "signalled", value })) === undefined) {
        throw new BoxkiteError(
          "INVALID_ARGUMENT",
          `action ${key.action} was answered by somebody else, or ended`,
        );
      }
    },
  };
}
