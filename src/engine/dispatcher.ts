/**
 * Admits queued actions while there is room. Fair between runs: the run with the fewest attempts goes
 * first. A parent that awaits its children leaves its place to them; otherwise a machine full of
 * parents would wait for ever.
 */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { ActionRecord, Store } from "../store/store.ts";
import type { Apply } from "./apply.ts";
import type { Attempts } from "./attempts.ts";

export interface DispatcherOptions {
  readonly store: Store;
  readonly apply: Apply;
  readonly attempts: Attempts;
  /** Attempts that may compute at the same time. */
  readonly maxParallel: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Dispatcher {
  /** Looks at the queue soon; several calls are one look. */
  wake(): void;
  stop(): Promise<void>;
}

/** Runs considered in one look; the rest has its turn in the next. */
const RUNS_PER_LOOK = 100;

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { store, apply, attempts, clock, log } = options;
  let wanted = false;
  let stopped = false;
  let looking: Promise<void> = Promise.resolve();
  let busy = false;

  const wake = () => {
    wanted = true;
    if (busy || stopped) return;
    busy = true;
    looking = (async () => {
      while (wanted && !stopped) {
        wanted = false;
        await look().catch((error: unknown) => log.error("the queue could not be looked at", { error }));
      }
      busy = false;
    })();
  };

  const look = async (): Promise<void> => {
    const live = await store.liveAttempts();
    const perRun = new Map<number, number>();
    let computing = 0;
    for (const action of live) {
      perRun.set(action.runId, (perRun.get(action.runId) ?? 0) + 1);
      if (!(await store.awaitsChildren(action))) computing++;
    }
    let free = options.maxParallel - computing;
    while (free > 0 && !stopped) {
      const heads = await store.queueHeads(clock.now(), RUNS_PER_LOOK);
      if (heads.length === 0) return;
      const fewest = (action: ActionRecord) => perRun.get(action.runId) ?? 0;
      const batch = heads.toSorted((a, b) => fewest(a) - fewest(b)).slice(0, free);
      await Promise.all(
        batch.map(async (head) => {
          const admitted = await apply(head.key, { type: "admitted" }, { attempt: { attempt: head.state.attempt + 1 } });
          if (admitted === undefined) return;
          perRun.set(head.runId, fewest(head) + 1);
          attempts.supervise(admitted);
        }),
      );
      free -= batch.length;
    }
  };

  return {
    wake,
    stop: async () => {
      stopped = true;
      await looking;
    },
  };
}
