/** The initial states of actions; `transition` makes all later ones. */
import type { ActionState, CacheUse, ResultSource, TimeMs } from "./action.ts";

/** A task that was just accepted: it waits in its queue. */
export function newTaskState(now: TimeMs, cache?: CacheUse): ActionState {
  return {
    phase: "queued",
    attempt: 0,
    userFailures: 0,
    systemFailures: 0,
    createdAt: now,
    queuedAt: now,
    notBefore: now,
    cacheStatus: cache === undefined ? "disabled" : cache.overwrite ? "skipped" : "miss",
  };
}

/** A condition that was just accepted: it waits for its signal. */
export function newConditionState(now: TimeMs): ActionState {
  return { ...newTaskState(now), phase: "paused" };
}

export interface TraceEnd {
  /** As its author called it. */
  readonly name: string;
  readonly phase: "succeeded" | "failed";
  readonly startedAt?: TimeMs | undefined;
  readonly endedAt?: TimeMs | undefined;
  /** The full URI of its outputs, or of its error where it failed; empty where it has none. */
  readonly outputUri: string;
}

/** A trace is reported after it happened: its initial state is final. */
export function newTraceState(trace: TraceEnd, now: TimeMs): ActionState {
  const state: ActionState = {
    ...newTaskState(now),
    phase: trace.phase,
    startedAt: trace.startedAt ?? now,
    endedAt: trace.endedAt ?? now,
    outputUri: trace.outputUri,
  };
  if (trace.phase === "succeeded") return state;
  const message = `trace ${trace.name} failed; its error is at ${trace.outputUri || "an unknown URI"}`;
  return { ...state, error: { code: "TraceFailed", message, kind: "user", recoverable: true } };
}

/** What succeeded in an earlier run, with the times it had there; `from`: that action's attempt. */
export function recoveredState(earlier: ActionState, from: ResultSource): ActionState {
  return {
    ...earlier,
    phase: "recovered",
    attempt: 0,
    suspended: undefined,
    reason: undefined,
    error: undefined,
    cacheStatus: "disabled",
    source: earlier.source ?? from,
  };
}
