/** Event → transition → compare-and-set, again until it holds: how everything changes state. */
import type { ActionRecord } from "../domain/action-record.ts";
import type { AttemptFacts } from "../domain/attempt.ts";
import type { Clock } from "../lib/clock.ts";
import type { ActionKey } from "../domain/ids.ts";
import { hasLiveAttempt, type ActionState, type TimeMs } from "../domain/action.ts";
import { transition, type ActionEvent } from "../domain/transition.ts";
import type { Store } from "../store/store.ts";

export type Apply = (
  key: ActionKey,
  event: ActionEvent,
  extra?: { readonly attempt?: AttemptFacts; readonly grants?: readonly string[] },
) => Promise<ActionRecord | undefined>;

/** Resolves with the action after the change, or undefined where the event was stale or the action is unknown. */
export function createApply(store: Store, clock: Clock): Apply {
  return async (key, event, extra = {}) => {
    for (;;) {
      const action = await store.getAction(key);
      if (action === undefined) return undefined;
      const at = clock.now();
      const next = transition(action.state, action.policy, event, at);
      if (next === undefined) return undefined;
      const stored = await store.advance({
        action,
        state: next.state,
        effects: next.effects,
        at,
        grants: extra.grants,
        attempt: extra.attempt ?? cutShort(action.state, event, next.state, at),
      });
      // Somebody else changed it between the read and the write: look again.
      if (stored !== "conflict") return stored;
    }
  };
}

/** An attempt that a limit or an abort ends is over for its action now; its process ends a little later. */
function cutShort(
  before: ActionState,
  event: ActionEvent,
  after: ActionState,
  at: TimeMs,
): AttemptFacts | undefined {
  if (!hasLiveAttempt(before) || hasLiveAttempt(after)) return undefined;
  const outcome = event.type === "timerFired" ? "timed_out" : "aborted";
  return { attempt: before.attempt, endedAt: at, outcome, error: after.error };
}
