/**
 * Admits queued actions while there is room. Fair between runs: the run with the fewest attempts goes
 * first. A parent that awaits its children leaves its place to them; otherwise a machine full of
 * parents would wait for ever.
 */
import type { Logger } from "../lib/log.ts";
import type { ActionRecord } from "../store/store.ts";
import { admit, type AdmissionOptions } from "./admission.ts";
import type { Attempts } from "./attempts.ts";

export interface DispatcherOptions extends AdmissionOptions {
  readonly attempts: Attempts;
  /** Attempts that may compute at the same time. */
  readonly maxParallel: number;
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
  const { store, attempts, clock, log } = options;
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
    const { computing, perRun, livePerRun } = await load();
    let free = options.maxParallel - computing;
    while (free > 0 && !stopped) {
      const heads = await store.queueHeads(clock.now(), RUNS_PER_LOOK);
      const fewest = (action: ActionRecord) => perRun.get(action.runId) ?? 0;
      const open = await keep(heads, async (head) => {
        const limit = await limitOf(head);
        // A run full of parents that all wait for their children would wait for ever.
        return limit === 0 || (livePerRun.get(head.runId) ?? 0) < limit || fewest(head) === 0;
      });
      if (open.length === 0) return;
      const batch = open.toSorted((a, b) => fewest(a) - fewest(b)).slice(0, free);
      await Promise.all(
        batch.map(async (head) => {
          const admitted = await admit(options, head);
          if (admitted === undefined) return;
          free--;
          perRun.set(head.runId, fewest(head) + 1);
          livePerRun.set(head.runId, (livePerRun.get(head.runId) ?? 0) + 1);
          attempts.supervise(admitted);
        }),
      );
    }
  };

  /** Attempts per run, and those of them that compute right now. */
  const load = async () => {
    const perRun = new Map<number, number>();
    const livePerRun = new Map<number, number>();
    let computing = 0;
    for (const action of await store.liveAttempts()) {
      livePerRun.set(action.runId, (livePerRun.get(action.runId) ?? 0) + 1);
      if (await store.awaitsChildren(action)) continue;
      computing++;
      perRun.set(action.runId, (perRun.get(action.runId) ?? 0) + 1);
    }
    return { computing, perRun, livePerRun };
  };

  const limitOf = async (head: ActionRecord): Promise<number> =>
    (await store.getRun(head.key))?.settings.maxConcurrency ?? 0;

  return {
    wake,
    stop: async () => {
      stopped = true;
      await looking;
    },
  };
}

async function keep<T>(items: readonly T[], condition: (item: T) => Promise<boolean>): Promise<T[]> {
  const kept = await Promise.all(items.map(condition));
  return items.filter((_, index) => kept[index]);
}
