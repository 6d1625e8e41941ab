/** One timer for all time limits and delays: it sleeps until the earliest. */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { nextTimer } from "../domain/transition.ts";
import type { Store } from "../store/store.ts";
import type { Apply } from "./apply.ts";

export interface TimersOptions {
  readonly store: Store;
  readonly apply: Apply;
  /** Called when a delay in the queue may be over. */
  readonly onQueueDue: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Timers {
  /** Something changed: the earliest time may be another one. Several calls are one look. */
  wake(): void;
  stop(): void;
}

const DUE_PER_LOOK = 500;
/** setTimeout overflows beyond this many milliseconds. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1;
/** Changes come in bursts; one look serves them all. */
const SETTLE_MS = 20;

export function createTimers(options: TimersOptions): Timers {
  const { store, clock, log } = options;
  let timer: NodeJS.Timeout | undefined;
  let wakeAt = Number.POSITIVE_INFINITY;
  let stopped = false;

  const sleepUntil = (at: number) => {
    if (stopped || at >= wakeAt) return;
    clearTimeout(timer);
    wakeAt = at;
    timer = setTimeout(strike, Math.min(Math.max(0, at - clock.now()), LONGEST_SLEEP_MS));
  };

  const strike = () => {
    wakeAt = Number.POSITIVE_INFINITY;
    look().catch((error: unknown) => {
      log.error("timers could not be looked at", { error });
      sleepUntil(clock.now() + 1_000);
    });
  };

  const look = async () => {
    const now = clock.now();
    const due = await store.dueTimers(now, DUE_PER_LOOK);
    for (const action of due) {
      const name = nextTimer(action.state, action.policy)?.name;
      if (name) await options.apply(action.key, { type: "timerFired", timer: name });
    }
    options.onQueueDue();
    const next = due.length === DUE_PER_LOOK ? now : await store.nextWake(clock.now());
    if (next !== undefined) sleepUntil(next);
  };

  return {
    wake: () => sleepUntil(clock.now() + SETTLE_MS),
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
