/**
 * The orchestrator: accepts runs and actions, and drives each to its end. What it has to do next is always in
 * the store; a restart reads it there. Every commit wakes the loops, and each of them reads the store at its
 * own pace. Only the process that has the lease of the store drives runs (store.ts, Work).
 */
import { randomUUID } from "node:crypto";
import type { ActionRecord } from "../domain/action-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { ActionKey, RunKey } from "../domain/ids.ts";
import type { Written } from "../domain/outcome/evidence.ts";
import type { Principal } from "../domain/principal.ts";
import type { RunNote } from "../domain/run-note.ts";
import type { RunRecord } from "../domain/run.ts";
import type { Executor } from "../executors/executor.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createRedactor, type Redactor } from "../lib/redact.ts";
import type { AttemptLogs } from "../logs/attempt-logs.ts";
import type { Store, Work } from "../store/store.ts";
import { requireAction } from "../store/require.ts";
import { createAcceptance, type Acceptance, type AcceptanceOptions } from "./acceptance.ts";
import { admit, type AdmissionOptions } from "./admission.ts";
import { createApply, type Apply } from "./apply.ts";
import { secretsOf } from "./access-keys.ts";
import { tokensOf } from "./attempt-token.ts";
import { attemptText, createAttempts, type Attempts, type AttemptsOptions } from "./attempts.ts";
import { createDispatcher, type Dispatcher } from "./dispatcher.ts";
import { createReuseNotes } from "./reuse-note.ts";
import { createExpectations, endedRuns } from "./expectations.ts";
import { createEffects, type Effects } from "./effects.ts";
import { whenLost } from "./lease-loss.ts";
import { attemptOfResult } from "./paths.ts";
import type { ObjectTraffic } from "./object-traffic.ts";
import type { SigningKeys } from "./signing-keys.ts";
import { createTimers, type Timers } from "./timers.ts";
import { redactingExecutor, type RedactorOf } from "./redaction.ts";
import { sendRequest } from "./webhook.ts";
import { createWebhooks } from "./webhooks.ts";

export interface OrchestratorOptions extends Omit<
  AcceptanceOptions,
  "accept" | "expectations" | "reuseNotes"
> {
  readonly store: Store;
  readonly executor: Executor;
  readonly logs: AttemptLogs;
  readonly traffic: ObjectTraffic;
  readonly signingKeys: SigningKeys;
  readonly readWritten: (prefix: string, redactor: Redactor) => Promise<Written>;
  /** See admission.ts. */
  readonly urisInOutputs: AdmissionOptions["urisInOutputs"];
  readonly objectsOf?: AttemptsOptions["objectsOf"];
  /** host:port at which attempts reach the server; asked at each start of an attempt. */
  readonly endpoint: () => string;
  /** Name of this process as the owner of the lease. @default a random one */
  readonly owner?: string;
  /** Called once when another server has taken over the store, and this one has stopped driving runs. */
  readonly onLeaseLost?: (error: BoxkiteError) => void;
  readonly maxParallel: number;
  /** Between SIGTERM and SIGKILL. */
  readonly stopGraceMs?: number;
  /** How long the process of an attempt may go on once its result is written. */
  readonly lingerMs?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Orchestrator extends Acceptance {
  /** Resumes what an earlier server left running, then drives all runs. */
  start(): Promise<void>;
  /**
   * Running attempts continue, and the next start resumes supervising them. If there will be no next start,
   * `endAttempts` ends them all and frees what they hold.
   */
  stop(options: { readonly endAttempts: boolean }): Promise<void>;
  /** How many attempts this process supervises. */
  liveAttempts(): Promise<number>;
  /**
   * Aborts an action and its descendants. One that has ended stays as it is. Resolves with the action, ended.
   * Throws ACTION_NOT_FOUND.
   */
  abort(key: ActionKey, reason: string, by: Principal): Promise<ActionRecord>;
  /** Adds what was found out about a run; a note that it has already is left out. */
  noteRun(run: RunRecord, notes: readonly RunNote[]): Promise<void>;
  /** Lets a run read these objects; a URI that ends in `/` is a prefix. */
  grant(run: RunKey, uris: readonly string[]): Promise<void>;
  /** Reports that an object was written; `key`: its key in the bucket. */
  objectWritten(key: string): void;
  /** Answers a condition. Throws ACTION_NOT_FOUND, or INVALID_ARGUMENT if it does not wait for an answer. */
  signal(key: ActionKey, value: Uint8Array, by: Principal): Promise<void>;
}

const DEFAULT_STOP_GRACE_MS = 10_000;
export const DEFAULT_LINGER_MS = 30_000;
/** How long a stop waits for effects in progress; the next start performs the rest. */
const DRAIN_MS = 3_000;

export function createOrchestrator(options: OrchestratorOptions): Orchestrator {
  const { store, executor, clock, log } = options;
  const expectations = createExpectations(options);
  const reuseNotes = createReuseNotes(options);
  const acceptance = createAcceptance({
    ...options,
    expectations,
    reuseNotes,
    accept: (...asked) => (parts?.dispatcher.accept ?? store.createAction)(...asked),
  });
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
      parts = assemble({ ...options, reuseNotes }, work);
      const live = (await work.liveAttempts()).map(({ action }) => action);
      if (live.length > 0)
        log.info("resuming attempts that an earlier server left running", { attempts: live.length });
      await reapLeftovers(options, parts.attempts, live);
      for (const action of live) parts.attempts.takeUp(action);
      parts.begin();
      expectations.resumed();
    },
    stop: async ({ endAttempts }) => {
      if (parts === undefined || left !== undefined) return left;
      const { unsubscribe, timers, dispatcher, effects, attempts, work } = parts;
      unsubscribe();
      await timers.stop();
      await dispatcher.stop();
      await effects.drain(DRAIN_MS);
      if (endAttempts) {
        // The executor does not know those yet whose start is under way.
        const all = [...(await executor.list()), ...attempts.supervised];
        const keys = new Map(all.map((key) => [attemptText(key), key]));
        await Promise.allSettled(keys.values().map((key) => attempts.stop(key)));
      }
      await attempts.close();
      await effects.stop();
      const live = endAttempts ? [] : await work.liveAttempts();
      if (live.length > 0)
        log.info("attempts continue; the next start resumes supervising them", { attempts: live.length });
    },
    liveAttempts: async () => (await parts?.work.liveAttempts())?.length ?? 0,
    ...acceptance,
    abort: async (key, reason, by) => {
      await requireAction(store, key);
      const aborted = await started().apply(key, { type: "abortRequested", reason }, { by });
      return aborted ?? requireAction(store, key);
    },
    noteRun: async (run, notes) => {
      if (notes.length > 0) await store.recordRunNotes(run, notes);
    },
    grant: (run, uris) => store.grant(run, uris),
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

function assemble(options: OrchestratorOptions & Pick<AttemptsOptions, "reuseNotes">, work: Work): Parts {
  const { store, signingKeys, clock } = options;
  const redactorOf: RedactorOf = (key) =>
    createRedactor([...tokensOf(signingKeys, key), ...secretsOf(signingKeys, key)]);
  const executor = redactingExecutor(options.executor, redactorOf);
  const apply = createApply(store, work, clock);
  const stopGraceMs = options.stopGraceMs ?? DEFAULT_STOP_GRACE_MS;
  const lingerMs = options.lingerMs ?? DEFAULT_LINGER_MS;
  const attempts = createAttempts({ ...options, executor, redactorOf, work, apply, stopGraceMs, lingerMs });
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
  const webhooks = createWebhooks({
    ...options,
    send: (request, isTrusted) => sendRequest(request, isTrusted ? undefined : options.egress),
  });
  const effects = createEffects({ ...options, work, apply, attempts, webhooks, onFreed });
  const timers = createTimers({
    ...options,
    work,
    apply,
    beginSleep: (action) => admit({ ...options, apply }, action),
    onQueueDue: () => dispatcher.wake(),
  });
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
    endedRuns(changed, (run) => executor.runEnded?.(run));
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
