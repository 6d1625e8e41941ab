/** Event → transition → compare-and-set, again until it holds: how everything changes state. */
import type { ActionRecord } from "../domain/action-record.ts";
import type { AttemptFacts, AttemptOutcome } from "../domain/attempt.ts";
import type { Clock } from "../lib/clock.ts";
import type { ActionKey } from "../domain/ids.ts";
import { hasLiveAttempt, type ActionState, type TimeMs } from "../domain/action.ts";
import { transition, type ActionEvent } from "../domain/transition.ts";
import type { Advance, Store, Work } from "../store/store.ts";

/** What is written together with the change that an event makes. */
export type Extra = Partial<Pick<Advance, "attempt" | "by" | "grants" | "ifComputedElsewhere">>;

/** Chooses the event from what the store holds; asked again where that changed meanwhile. Undefined: none. */
export type Choose = (
  action: ActionRecord,
  now: TimeMs,
) => Promise<{ readonly event: ActionEvent; readonly extra: Extra } | undefined>;

export interface Apply {
  /** Resolves with the action after the change, or undefined where the event was stale or the action is unknown. */
  (key: ActionKey, event: ActionEvent | Choose, extra?: Extra): Promise<ActionRecord | undefined>;
}

export function createApply(
  store: Pick<Store, "getAction">,
  work: Pick<Work, "advance">,
  clock: Clock,
): Apply {
  return async (key, what, always = {}) => {
    for (;;) {
      const action = await store.getAction(key);
      if (action === undefined) return undefined;
      const at = clock.now();
      const chosen = typeof what === "function" ? await what(action, at) : { event: what, extra: always };
      if (chosen === undefined) return undefined;
      const { event, extra } = chosen;
      const next = transition(action.state, action.policy, event, at);
      if (next === undefined) return undefined;
      const stored = await work.advance({
        ...extra,
        action,
        state: next.state,
        effects: next.effects,
        at,
        attempt: extra.attempt ?? attemptFacts(action.state, event, next.state, at),
      });
      // Somebody else changed it between the read and the write: read again.
      if (stored !== "conflict") return stored;
    }
  };
}

/** An attempt that a limit or an abort ends is over for its action now; its process ends a little later. */
function attemptFacts(
  before: ActionState,
  event: ActionEvent,
  after: ActionState,
  at: TimeMs,
): AttemptFacts | undefined {
  if (event.type === "admitted") return { attempt: after.attempt };
  if (!hasLiveAttempt(before) || hasLiveAttempt(after)) return undefined;
  return { attempt: before.attempt, endedAt: at, outcome: cutShort(event.type), error: after.error };
}

function cutShort(event: ActionEvent["type"]): AttemptOutcome {
  switch (event) {
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
