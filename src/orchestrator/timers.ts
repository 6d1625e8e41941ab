/** One timer for all time limits, delays and sleeps, set to the earliest. */
import type { ActionRecord } from "../domain/action-record.ts";
import { isSleeping } from "../domain/action.ts";
import { nextTimer } from "../domain/transition.ts";
import type { Clock, Timer } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createPasses } from "../lib/passes.ts";
import type { Work } from "../store/store.ts";
import type { Apply } from "./apply.ts";

export interface TimersOptions {
  readonly work: Pick<Work, "dueTimers" | "nextTimer" | "nextDelayEnd">;
  readonly apply: Apply;
  /** Begins the next attempt of a sleep, unless it has its result already. */
  readonly beginSleep: (action: ActionRecord) => Promise<unknown>;
  /** Called when a delay in the queue is over. */
  readonly onQueueDue: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Timers {
  /** Something changed, perhaps the earliest time: requests a pass. Several requests share one. */
  wake(): void;
  /** Resolves when no pass is in progress any more. */
  stop(): Promise<void>;
}

const DUE_PER_PASS = 500;
/** Changes come in bursts: one pass serves all of one. */
const SETTLE_MS = 20;
const RETRY_MS = 1_000;

export function createTimers(options: TimersOptions): Timers {
  const { work, clock, log } = options;
  let timer: Timer | undefined;
  let wakeAt = Number.POSITIVE_INFINITY;
  /** `onQueueDue` has been called for the delays that ended until then. */
  let passedAt = 0;

  const sleepUntil = (at: number) => {
    if (passes.isStopped || at >= wakeAt) return;
    timer?.cancel();
    wakeAt = at;
    timer = clock.timer(at - clock.now(), fire);
  };

  const fire = () => {
    wakeAt = Number.POSITIVE_INFINITY;
    passes.request();
  };

  const change = async (action: ActionRecord): Promise<unknown> => {
    const { key, state } = action;
    const name = nextTimer(state, action.policy)?.name;
    if (name === undefined) return undefined;
    if (name !== "wake") return options.apply(key, { type: "timerFired", timer: name });
    return isSleeping(state) ? options.apply(key, { type: "slept" }) : options.beginSleep(action);
  };

  const pass = async () => {
    const now = clock.now();
    const due = await work.dueTimers(now, DUE_PER_PASS);
    if (passes.isStopped) return;
    // All at once: they share a commit, and those who watch are woken once.
    const changes = await Promise.allSettled(due.map(change));
    const failed = changes.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
    const ended = await work.nextDelayEnd(passedAt);
    passedAt = now;
    if (ended !== undefined && ended <= now) options.onQueueDue();
    const later = ended === undefined || ended > now ? ended : await work.nextDelayEnd(now);
    sleepUntil(later ?? Number.POSITIVE_INFINITY);
    const limit = due.length === DUE_PER_PASS ? now : await work.nextTimer();
    sleepUntil(limit ?? Number.POSITIVE_INFINITY);
  };

  const passes = createPasses({
    pass,
    onFailure: (error) => log.error("the time limits could not be read, and will be tried again", { error }),
    retryMs: RETRY_MS,
    clock,
  });

  return {
    wake: () => sleepUntil(clock.now() + SETTLE_MS),
    stop: () => {
      timer?.cancel();
      return passes.stop();
    },
  };
}
