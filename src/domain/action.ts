/** What an action is (its definition, fixed when it is accepted) and its progress (its state). */
import type { Backoff } from "./backoff.ts";
import { isTerminal, type Phase } from "./phase.ts";

/** Milliseconds since the epoch. */
export type TimeMs = number;

export type ActionKind = "task" | "trace" | "condition";

/** Who caused it, as the SDK's exceptions distinguish (flyteidl2.core.ExecutionError.ErrorKind). */
export type BlameKind = "user" | "system" | "unknown";

export interface ActionError {
  /** Stable; parts before a `|` are the server's, the last one is the task's own. */
  readonly code: string;
  readonly message: string;
  /** What to do about it, for people. */
  readonly hint?: string | undefined;
  readonly kind: BlameKind;
  /** May another attempt help? */
  readonly recoverable: boolean;
}

export interface AttemptPolicy {
  /** Further attempts after failures of the task itself. */
  readonly userRetries: number;
  readonly backoff?: Backoff;
  /** Longest wait in the queue, per attempt. */
  readonly queuedTimeoutMs?: number;
  /** Longest run, per attempt. */
  readonly maxRuntimeMs?: number;
  /** From acceptance to the end, all attempts together. */
  readonly deadlineMs?: number;
  /** Of a sleep (domain/sleep.ts): how long each attempt takes. Undefined for all other actions. */
  readonly sleepMs?: number;
}

/** How an action uses results of earlier ones. */
export interface CacheUse {
  /** Content key of task, version and inputs. */
  readonly key: string;
  /** One computes, the others wait for it. */
  readonly serialize: boolean;
  /** Entries older than this do not count. */
  readonly maxAgeMs?: number;
  /** Compute anew and replace what is there. */
  readonly overwrite: boolean;
  /** Only results of the same project and domain count. */
  readonly sameProject: boolean;
}

/** The action that computed a result, where it was another one. */
export interface ResultSource {
  readonly project: string;
  readonly domain: string;
  readonly run: string;
  readonly action: string;
  readonly attempt: number;
}

export interface CachedResult {
  readonly outputUri: string;
  readonly source: ResultSource;
  readonly createdAt: TimeMs;
}

export type CacheStatus = "disabled" | "miss" | "hit" | "populated" | "skipped";

/** The part of an action that changes. `initial-state.ts` makes the first one, `transition` each further one. */
export interface ActionState {
  readonly phase: Phase;
  /**
   * Only where the phase is waiting_for_resources. waiting: the present attempt exists, and the executor has
   * no free capacity for it. parked: its capacity was given back, and a later attempt continues when its children
   * have ended.
   */
  readonly suspended?: "waiting" | "parked" | undefined;
  /** The present attempt, from 1; 0 before the first was admitted. */
  readonly attempt: number;
  readonly userFailures: number;
  readonly systemFailures: number;
  readonly createdAt: TimeMs;
  /** Since when it waits in the queue for the present attempt. */
  readonly queuedAt: TimeMs;
  /** It is not admitted before this time. */
  readonly notBefore: TimeMs;
  /**
   * Only of a sleep that has not ended: when its next attempt begins, or the present one ends. Such an action is neither in
   * a queue nor at an executor: only this time moves it on.
   */
  readonly wakeAt?: TimeMs | undefined;
  /** When the first attempt was admitted. */
  readonly startedAt?: TimeMs | undefined;
  /** When the present attempt began to run. */
  readonly runningAt?: TimeMs | undefined;
  readonly endedAt?: TimeMs | undefined;
  /** Why it is in this phase, for people: "pulling image", "waiting: needs 4 GiB, 2 free". */
  readonly reason?: string | undefined;
  readonly error?: ActionError | undefined;
  /** A task's outputs: the prefix that holds outputs.pb. A trace's: the full URI of its outputs. */
  readonly outputUri?: string | undefined;
  /** A condition's answer: a serialized flyteidl2.core.Literal. */
  readonly value?: Uint8Array | undefined;
  readonly abortReason?: string | undefined;
  readonly cacheStatus: CacheStatus;
  /** Of a result from the cache or from a recovered run. */
  readonly source?: ResultSource | undefined;
}

export const NO_RETRIES: AttemptPolicy = { userRetries: 0 };

/** Does this state have an attempt at the executor, which is to be supervised? */
export function hasLiveAttempt({ phase, attempt, suspended, wakeAt }: ActionState): boolean {
  if (wakeAt !== undefined) return false;
  return phase === "initializing" || (phase === "running" && attempt > 0) || suspended === "waiting";
}

/** Does a sleep's attempt pass its time right now? */
export function isSleeping({ phase, wakeAt }: ActionState): boolean {
  return phase === "running" && wakeAt !== undefined;
}

/** Does it wait for its next attempt? */
export function isQueued({ phase, suspended }: ActionState): boolean {
  return phase === "queued" || (phase === "waiting_for_resources" && suspended !== "waiting");
}

/** Has this attempt ended? A future one has not. */
export function attemptIsOver(state: ActionState, asked: number): boolean {
  if (isTerminal(state.phase) || state.attempt > asked) return true;
  return state.attempt === asked && !hasLiveAttempt(state) && !isSleeping(state);
}
