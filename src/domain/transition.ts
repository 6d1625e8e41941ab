/**
 * The only place where an action's phase changes. Pure: the same state, event and time give the same
 * answer. Events say what happened; effects say what the orchestrator has to do about it. What follows from
 * the state alone is not an effect: a queued action waits to be admitted, one that initializes or runs has an
 * attempt to supervise, and its next time limit is `nextTimer`.
 */
import {
  hasLiveAttempt,
  isQueued,
  isSleeping,
  type ActionError,
  type ActionState,
  type AttemptPolicy,
  type ResultSource,
  type TimeMs,
} from "./action.ts";
import { backoffMs } from "./backoff.ts";
import type { HttpRequest } from "./notification.ts";
import { isTerminal, type Phase } from "./phase.ts";

export type ActionEvent =
  /** The dispatcher gave it a slot. The reason says what else there is to know of that. */
  | { readonly type: "admitted"; readonly reason?: string | undefined }
  /** There is no slot for it yet; the reason says why. */
  | { readonly type: "waiting"; readonly reason: string }
  /** The executor is at work: "pulling image". */
  | { readonly type: "progress"; readonly attempt: number; readonly reason: string }
  /** The process of this attempt runs. */
  | { readonly type: "started"; readonly attempt: number; readonly at: TimeMs }
  | { readonly type: "attemptSucceeded"; readonly attempt: number; readonly outputUri: string }
  /** The task, its image or its limits made this attempt fail. */
  | ({ readonly type: "attemptFailed" } & Failure)
  /** The attempt was lost to a failure of the infrastructure; the task did not cause it. */
  | ({ readonly type: "attemptLost" } & Failure)
  /** The attempt exists, but the executor has no free capacity for it yet. */
  | { readonly type: "attemptWaiting"; readonly attempt: number; readonly reason: string }
  /** The executor took its capacity back for something more urgent: another attempt starts as soon as it may. */
  | { readonly type: "attemptPreempted"; readonly attempt: number; readonly reason: string }
  /** The attempt gave its capacity back by itself: another one continues once all of its children have ended. */
  | { readonly type: "attemptParked"; readonly attempt: number; readonly reason: string }
  | { readonly type: "abortRequested"; readonly reason: string }
  /** `nextTimer` of the state, a limit, has passed. */
  | { readonly type: "timerFired"; readonly timer: Limit }
  /** The time of a sleep is over. */
  | { readonly type: "slept" }
  /** A condition was answered. */
  | { readonly type: "signalled"; readonly value: Uint8Array }
  /** The result was found in the cache. */
  | { readonly type: "cacheHit"; readonly outputUri: string; readonly source: ResultSource }
  /** It waits in the queue for an event (`unparked`), and is not a candidate for a slot before. */
  | { readonly type: "parked"; readonly reason: string }
  /** What it waited for has happened. */
  | { readonly type: "unparked" };

interface Failure {
  readonly attempt: number;
  readonly error: ActionError;
  /** Its process goes on after it has written the error. */
  readonly isRunning?: boolean;
}

export type Effect =
  /** End the attempt's process, then free what it holds. */
  | { readonly type: "stopAttempt"; readonly attempt: number }
  /** Free what an ended attempt holds. */
  | { readonly type: "releaseAttempt"; readonly attempt: number }
  /** Abort every unfinished child: nothing awaits them any more. */
  | { readonly type: "abortChildren" }
  /** Resume a parked action, unless it still awaits children. */
  | { readonly type: "resume" }
  /** Other actions may wait for this end, and receivers may have to be notified of it. */
  | { readonly type: "ended" }
  /** Notify a receiver. */
  | { readonly type: "sendWebhook"; readonly request: HttpRequest };

export interface Transition {
  readonly state: ActionState;
  readonly effects: readonly Effect[];
}

export class IllegalTransition extends Error {
  constructor(phase: Phase, event: ActionEvent["type"]) {
    super(`event ${event} cannot happen in phase ${phase}`);
    this.name = "IllegalTransition";
  }
}

/**
 * Lost attempts before it gives up: a broken disk or engine does not recover by itself, and each attempt may
 * have had side effects.
 */
export const MAX_SYSTEM_FAILURES = 3;
/** A time that never comes: `notBefore` of parked actions, which the queue therefore skips. */
export const NEVER: TimeMs = Number.MAX_SAFE_INTEGER;
const SYSTEM_BACKOFF = { baseMs: 1_000, factor: 4 };
/** A cluster that preempts an attempt as soon as it starts is not asked again without a pause. */
const PREEMPTED_DELAY_MS = 1_000;

/** The next state, or undefined when the event is stale and changes nothing. */
export function transition(
  state: ActionState,
  policy: AttemptPolicy,
  event: ActionEvent,
  now: TimeMs,
): Transition | undefined {
  // A terminal phase is never overwritten: whatever arrives late lost the race.
  if (isTerminal(state.phase)) return undefined;
  if ("attempt" in event && !isPresentAttempt(state, event.attempt)) return undefined;

  switch (event.type) {
    case "admitted":
      requireQueued(state, event);
      if (policy.sleepMs !== undefined) return to(sleeping(state, policy.sleepMs, now));
      return to({
        ...state,
        phase: "initializing",
        suspended: undefined,
        attempt: state.attempt + 1,
        startedAt: state.startedAt ?? now,
        runningAt: undefined,
        reason: event.reason,
      });
    case "waiting":
      requireQueued(state, event);
      if (state.phase === "waiting_for_resources" && state.reason === event.reason) return undefined;
      return to({ ...state, phase: "waiting_for_resources", reason: event.reason });
    case "parked":
      requireQueued(state, event);
      return to({
        ...state,
        phase: "waiting_for_resources",
        reason: event.reason,
        notBefore: NEVER,
        wakeAt: undefined,
      });
    case "unparked":
      if (!isQueued(state)) return undefined;
      return to({
        ...state,
        phase: "queued",
        suspended: undefined,
        reason: undefined,
        notBefore: now,
        wakeAt: policy.sleepMs === undefined ? undefined : now,
      });
    case "progress":
      // An attempt that waited for capacity and makes progress has got it.
      if (state.phase === "running" || !hasLiveAttempt(state)) return undefined;
      if (state.phase === "initializing" && state.reason === event.reason) return undefined;
      return to({ ...state, phase: "initializing", suspended: undefined, reason: event.reason });
    case "started":
      // The same start is reported again when a restarted server resumes the attempt.
      if (state.phase === "running") return undefined;
      requireAttempt(state, event);
      return to({
        ...state,
        phase: "running",
        suspended: undefined,
        // By the clock of another machine, which may be wrong: no earlier than it was queued, no later than now.
        runningAt: Math.min(Math.max(event.at, state.queuedAt), now),
        reason: undefined,
      });
    case "attemptSucceeded":
      requireAttempt(state, event);
      return to(
        end(stored(state), "succeeded", now, { outputUri: event.outputUri }),
        ended(state, { type: "releaseAttempt", attempt: event.attempt }),
      );
    case "attemptFailed":
      requireAttempt(state, event);
      return endedBeforeRetry(
        event,
        afterFailure(state, policy, event.error, now, [{ type: "releaseAttempt", attempt: event.attempt }]),
      );
    case "attemptLost":
      requireAttempt(state, event);
      return endedBeforeRetry(event, afterLoss(state, event.error, event.attempt, now));
    case "attemptWaiting":
      if (state.phase === "running" || (isWaitingAttempt(state) && state.reason === event.reason))
        return undefined;
      requireAttempt(state, event);
      return to({
        ...state,
        phase: "waiting_for_resources",
        suspended: "waiting",
        reason: event.reason,
      });
    case "attemptPreempted":
      requireAttempt(state, event);
      return to({ ...requeued(state, now, PREEMPTED_DELAY_MS), reason: event.reason }, [
        { type: "releaseAttempt", attempt: event.attempt },
      ]);
    case "attemptParked":
      requireAttempt(state, event);
      return to(
        {
          ...requeued(state, now, 0),
          phase: "waiting_for_resources",
          suspended: "parked",
          notBefore: NEVER,
          reason: event.reason,
        },
        [{ type: "releaseAttempt", attempt: event.attempt }, { type: "resume" }],
      );
    case "abortRequested":
      return to(end(state, "aborted", now, { abortReason: event.reason }), ended(state, ...stopOf(state)));
    case "timerFired":
      return afterTimer(state, policy, event.timer, now);
    case "slept":
      if (!isSleeping(state)) throw new IllegalTransition(state.phase, event.type);
      if ((state.wakeAt ?? NEVER) > now) return undefined;
      return to(end(stored(state), "succeeded", now, {}), ended(state));
    case "signalled":
      if (state.phase !== "paused") throw new IllegalTransition(state.phase, event.type);
      return to(end(state, "succeeded", now, { value: event.value }), ended(state));
    case "cacheHit":
      requireQueued(state, event);
      return to(
        end({ ...state, cacheStatus: "hit", startedAt: state.startedAt ?? now }, "succeeded", now, {
          outputUri: event.outputUri,
          source: event.source,
        }),
        ended(state),
      );
  }
}

export type Limit = "queued" | "runtime" | "deadline";

export interface Timer {
  /** A limit of its policy; or `wake`: the next attempt of a sleep begins, or the present one ends. */
  readonly name: Limit | "wake";
  readonly at: TimeMs;
}

/** The earliest time at which this state changes by itself. */
export function nextTimer(state: ActionState, policy: AttemptPolicy): Timer | undefined {
  const limit = nextLimit(state, policy);
  const { wakeAt } = state;
  // A sleep that ends at its limit has kept it.
  if (wakeAt === undefined || (limit !== undefined && limit.at < wakeAt)) return limit;
  return { name: "wake", at: wakeAt };
}

/** The earliest time limit that applies in this state. */
export function nextLimit(
  state: ActionState,
  policy: AttemptPolicy,
): (Timer & { readonly name: Limit }) | undefined {
  if (isTerminal(state.phase)) return undefined;
  const timers: (Timer & { readonly name: Limit })[] = [];
  if (policy.deadlineMs !== undefined) {
    timers.push({ name: "deadline", at: state.createdAt + policy.deadlineMs });
  }
  if (policy.queuedTimeoutMs !== undefined && waitsForResources(state)) {
    // The delay before a retry is not a wait for a slot.
    const delayedUntil = state.notBefore === NEVER ? state.queuedAt : state.notBefore;
    timers.push({ name: "queued", at: Math.max(state.queuedAt, delayedUntil) + policy.queuedTimeoutMs });
  }
  if (policy.maxRuntimeMs !== undefined && state.phase === "running" && state.runningAt !== undefined) {
    timers.push({ name: "runtime", at: state.runningAt + policy.maxRuntimeMs });
  }
  return timers.sort((a, b) => a.at - b.at)[0];
}

/** An attempt that gave up its slot (it ran for too long) is over, whatever its process still reports. */
function isPresentAttempt(state: ActionState, attempt: number): boolean {
  return attempt === state.attempt && !isQueued(state);
}

function isWaitingAttempt({ suspended }: ActionState): boolean {
  return suspended === "waiting";
}

/** In the queue, or with an attempt for which the executor has no capacity; a parked action needs nothing. */
function waitsForResources(state: ActionState): boolean {
  return (isQueued(state) || isWaitingAttempt(state)) && state.suspended !== "parked";
}

function requireQueued(state: ActionState, event: ActionEvent): void {
  if (!isQueued(state)) throw new IllegalTransition(state.phase, event.type);
}

function requireAttempt(state: ActionState, event: ActionEvent): void {
  if (!hasLiveAttempt(state)) throw new IllegalTransition(state.phase, event.type);
}

function to(state: ActionState, effects: readonly Effect[] = []): Transition {
  return { state, effects };
}

/** The store keeps the result of an action that uses the cache in the same transaction. */
function stored(state: ActionState): ActionState {
  return state.cacheStatus === "disabled" ? state : { ...state, cacheStatus: "populated" };
}

function end(
  state: ActionState,
  phase: Phase,
  now: TimeMs,
  result: Partial<Pick<ActionState, "error" | "outputUri" | "value" | "abortReason" | "source">>,
): ActionState {
  // The error of an earlier attempt belongs to that attempt.
  return {
    ...state,
    error: undefined,
    ...result,
    phase,
    suspended: undefined,
    wakeAt: undefined,
    endedAt: now,
    reason: undefined,
  };
}

/** A sleep whose next attempt begins: what it does is to wait for `wakeAt`. */
function sleeping(state: ActionState, sleepMs: number, now: TimeMs): ActionState {
  return {
    ...state,
    phase: "running",
    attempt: state.attempt + 1,
    startedAt: state.startedAt ?? now,
    runningAt: now,
    wakeAt: now + sleepMs,
    reason: undefined,
  };
}

/** The effects of every end: children are aborted, waiting actions and receivers are notified. */
function ended(state: ActionState, ...first: Effect[]): Effect[] {
  // An action that never ran cannot have children, nor can a sleep.
  const children: Effect[] = state.attempt > 0 && !isSleeping(state) ? [{ type: "abortChildren" }] : [];
  return [...first, ...children, { type: "ended" }];
}

function stopOf(state: ActionState): Effect[] {
  return hasLiveAttempt(state) ? [{ type: "stopAttempt", attempt: state.attempt }] : [];
}

/** A process that goes on after its error may linger where that is the end; another attempt does not wait for it. */
function endedBeforeRetry({ attempt, isRunning }: Failure, next: Transition): Transition {
  if (isRunning !== true || isTerminal(next.state.phase)) return next;
  return to(next.state, [{ type: "stopAttempt", attempt }]);
}

/** A failure of the task: another attempt if its retries allow, else the end. */
function afterFailure(
  state: ActionState,
  policy: AttemptPolicy,
  error: ActionError,
  now: TimeMs,
  free: readonly Effect[],
  last: "failed" | "timed_out" = "failed",
): Transition {
  const failures = state.userFailures + 1;
  if (error.recoverable && failures <= policy.userRetries) {
    const delayMs = policy.backoff ? backoffMs(policy.backoff, state.userFailures) : 0;
    return to({ ...requeued(state, now, delayMs), userFailures: failures, error }, free);
  }
  // The class of the SDK's exception follows the part before the bar (convert_error_to_native).
  const exhausted = error.recoverable && policy.userRetries > 0 && last === "failed";
  const final = exhausted ? { ...error, code: `RetriesExhausted|${error.code}` } : error;
  return to(end({ ...state, userFailures: failures }, last, now, { error: final }), ended(state, ...free));
}

function afterLoss(state: ActionState, error: ActionError, attempt: number, now: TimeMs): Transition {
  const failures = state.systemFailures + 1;
  const free: Effect = { type: "releaseAttempt", attempt };
  if (error.recoverable && failures <= MAX_SYSTEM_FAILURES) {
    const delayMs = backoffMs(SYSTEM_BACKOFF, state.systemFailures);
    return to({ ...requeued(state, now, delayMs), systemFailures: failures, error }, [free]);
  }
  return to(end({ ...state, systemFailures: failures }, "failed", now, { error }), ended(state, free));
}

function requeued(state: ActionState, now: TimeMs, delayMs: number): ActionState {
  return {
    ...state,
    phase: "queued",
    suspended: undefined,
    queuedAt: now,
    notBefore: now + delayMs,
    wakeAt: state.wakeAt === undefined ? undefined : now + delayMs,
    runningAt: undefined,
    reason: undefined,
  };
}

/** Codes as the SDK maps them to its TaskTimeoutError subclasses (flyte.errors). */
const TIMEOUT_CODES = {
  queued: "QUEUED_TIMEOUT_EXCEEDED",
  runtime: "MAX_RUNTIME_EXCEEDED",
  deadline: "DEADLINE_EXCEEDED",
} as const;

function afterTimer(
  state: ActionState,
  policy: AttemptPolicy,
  timer: Limit,
  now: TimeMs,
): Transition | undefined {
  const due = nextTimer(state, policy);
  // The state has changed since the timer was read.
  if (due === undefined || due.name !== timer || due.at > now) return undefined;
  const error: ActionError = {
    code: TIMEOUT_CODES[timer],
    message: timeoutMessage(timer, policy),
    kind: "user",
    recoverable: timer === "runtime",
  };
  // A run that took too long counts as a failed attempt; a deadline or a full queue ends everything.
  if (timer === "runtime") {
    return afterFailure(state, policy, error, now, stopOf(state), "timed_out");
  }
  return to(end(state, "timed_out", now, { error }), ended(state, ...stopOf(state)));
}

function timeoutMessage(timer: Limit, policy: AttemptPolicy): string {
  switch (timer) {
    case "queued":
      return `waited in the queue for longer than its max_queued_time of ${seconds(policy.queuedTimeoutMs)}`;
    case "runtime":
      return `ran for longer than its max_runtime of ${seconds(policy.maxRuntimeMs)}`;
    case "deadline":
      return `was not done within its deadline of ${seconds(policy.deadlineMs)}`;
  }
}

function seconds(ms: number | undefined): string {
  return `${(ms ?? 0) / 1000} s`;
}
