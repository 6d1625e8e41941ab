/**
 * What an attempt has opened ends with it: its token and its keys are of no use then. Calls that are under way have a
 * second to be answered, such as the one by which a task aborts its own run.
 */
import { attemptIsOver } from "../domain/action.ts";
import type { AttemptKey } from "../domain/attempt.ts";
import { actionKeyText } from "../domain/ids.ts";
import type { Clock, Timer } from "../lib/clock.ts";
import type { StoreReader } from "../store/reader.ts";

export interface AttemptEnds {
  /** Calls back a second after the attempt's end, not where it has ended before. Returns a function that stops that. */
  onEnd(attempt: AttemptKey, end: () => void): () => void;
}

const GRACE_MS = 1_000;

interface Waiting {
  readonly attempt: number;
  readonly end: () => void;
  timer?: Timer;
}

export function createAttemptEnds(
  store: Pick<StoreReader, "onChange">,
  clock: Pick<Clock, "timer">,
): AttemptEnds {
  const byAction = new Map<string, Set<Waiting>>();
  store.onChange((changed) => {
    if (byAction.size === 0) return;
    for (const { key, state } of changed)
      for (const waiting of byAction.get(actionKeyText(key)) ?? [])
        if (attemptIsOver(state, waiting.attempt)) waiting.timer ??= clock.timer(GRACE_MS, waiting.end);
  });
  return {
    onEnd: (attempt, end) => {
      const name = actionKeyText(attempt);
      const waiting: Waiting = { attempt: attempt.attempt, end };
      const all = byAction.get(name) ?? new Set();
      byAction.set(name, all.add(waiting));
      return () => {
        waiting.timer?.cancel();
        all.delete(waiting);
        if (all.size === 0 && byAction.get(name) === all) byAction.delete(name);
      };
    },
  };
}
