/** Event → transition → compare-and-set, retried on conflict: the only way in which an accepted action changes. */
import type { ActionRecord } from "../domain/action-record.ts";
import type { AttemptFacts, AttemptOutcome } from "../domain/attempt.ts";
import type { Clock } from "../lib/clock.ts";
import type { ActionKey } from "../domain/ids.ts";
import { hasLiveAttempt, isSleeping, type ActionState, type TimeMs } from "../domain/action.ts";
import { transition, type ActionEvent } from "../domain/transition.ts";
import type { Advance, Store, Work } from "../store/store.ts";

/** What is written in the same transaction as the change. */
export interface Extra extends Partial<Pick<Advance, "attempt" | "by" | "grants" | "ifComputedElsewhere">> {
  /** That the attempt started, which happened before the event and is not recorded yet. */
  readonly start?: StartEvent | undefined;
}

export type StartEvent = ActionEvent & { readonly type: "started" };

/** Chooses the event from the stored action; called again after a conflict. Undefined: no event. */
export type Choose = (
  action: ActionRecord,
  now: TimeMs,
) => Promise<{ readonly event: ActionEvent; readonly extra: Extra } | undefined>;

export interface Apply {
  /**
   * Resolves with the action after the change, or undefined if the event was stale or the action is unknown. `known`: the action
   * as the caller knows it; it is read only where that turns out to be out of date.
   */
  (
    key: ActionKey,
    event: ActionEvent | Choose,
    extra?: Extra,
    known?: ActionRecord,
  ): Promise<ActionRecord | undefined>;
}

export function createApply(
  store: Pick<Store, "getAction">,
  work: Pick<Work, "advance">,
  clock: Clock,
): Apply {
  return async (key, what, always = {}, known?) => {
    for (let isRead = known === undefined; ; isRead = true) {
      const action = isRead ? await store.getAction(key) : known;
      if (action === undefined) return undefined;
      const at = clock.now();
      const chosen = typeof what === "function" ? await what(action, at) : { event: what, extra: always };
      if (chosen === undefined) return undefined;
      const {
        event,
        extra: { start, ...extra },
      } = chosen;
      const begun = start && transition(action.state, action.policy, start, at);
      const next = transition((begun ?? action).state, action.policy, event, at);
      if (next === undefined) {
        if (isRead) return undefined;
        continue;
      }
      const stored = await work.advance({
        ...extra,
        action,
        ...(begun && { through: { state: begun.state, at: begun.state.runningAt ?? at } }),
        state: next.state,
        effects: next.effects,
        at,
        attempt: extra.attempt ?? attemptFacts(action.state, event, next.state, at),
      });
      // It changed between the read and the write: read again.
      if (stored !== "conflict") return stored;
    }
  };
}

/** For its action, an attempt that a limit or an abort ends is over now; its process ends a little later. */
function attemptFacts(
  before: ActionState,
  event: ActionEvent,
  after: ActionState,
  at: TimeMs,
): AttemptFacts | undefined {
  if (event.type === "admitted") return { attempt: after.attempt, startedAt: sleepBegan(after) };
  if (!hasAttempt(before) || hasAttempt(after)) return undefined;
  return { attempt: before.attempt, endedAt: at, outcome: outcomeOf(event.type), error: after.error };
}

const hasAttempt = (state: ActionState): boolean => hasLiveAttempt(state) || isSleeping(state);

/** An executor reports later when the process of an attempt began. */
const sleepBegan = (state: ActionState): TimeMs | undefined =>
  isSleeping(state) ? state.runningAt : undefined;

function outcomeOf(event: ActionEvent["type"]): AttemptOutcome {
  switch (event) {
    case "slept":
      return "succeeded";
    case "timerFired":
      return "timed_out";
    case "attemptPreempted":
      return "preempted";
    case "attemptParked":
      return "parked";
    default:
      return "aborted";
  }
}
