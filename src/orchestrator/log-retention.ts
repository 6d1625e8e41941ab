/** Removes the logs of runs that ended long ago. Their objects stay: results may be used again. */
import type { RunRecord } from "../domain/run.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { AttemptLogs } from "../logs/attempt-logs.ts";
import type { Store } from "../store/store.ts";

export interface LogRetentionOptions {
  readonly store: Store;
  readonly logs: AttemptLogs;
  /** After the end of a run. */
  readonly keepDays: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface LogRetention {
  /** Sweeps at intervals, beginning now. */
  start(): void;
  /** Resolves with the number of runs whose logs were removed. */
  sweep(): Promise<number>;
  stop(): Promise<void>;
}

const SWEEP_EVERY_MS = 3_600_000;
const RUNS_PER_STEP = 100;
const DAY_MS = 86_400_000;

export function createLogRetention(options: LogRetentionOptions): LogRetention {
  const { store, logs, keepDays, clock, log } = options;
  const stopping = new AbortController();
  let sweeping: Promise<void> = Promise.resolve();

  const sweep = async (): Promise<number> => {
    const before = clock.now() - keepDays * DAY_MS;
    /** Ids of runs whose logs could not be removed: left for the next sweep, so that this one ends. */
    const failed = new Set<number>();
    let removed = 0;
    while (!stopping.signal.aborted) {
      const limit = RUNS_PER_STEP + failed.size;
      const runs = await store.runsWithLogs(before, limit);
      for (const run of runs.filter(({ id }) => !failed.has(id))) {
        try {
          await remove(run);
          removed++;
        } catch (error) {
          failed.add(run.id);
          log.error("the logs of a run could not be removed, and will be tried again", {
            run: run.key.run,
            error,
          });
        }
      }
      if (runs.length < limit) break;
    }
    if (removed > 0) log.info("removed the logs of runs that ended long ago", { runs: removed, keepDays });
    return removed;
  };

  const remove = async (run: RunRecord): Promise<void> => {
    // The files first: after an interruption in between, both steps are repeated.
    await logs.removeRun(run.key);
    await store.logsRemoved(run, clock.now());
  };

  const sweepNowAndThen = async () => {
    const { signal } = stopping;
    while (!signal.aborted) {
      await sweep().catch((error: unknown) =>
        log.error("old logs could not be removed, and will be tried again", { error }),
      );
      await clock.sleep(SWEEP_EVERY_MS, { signal, ref: false }).catch(() => {});
    }
  };

  return {
    start: () => void (sweeping = sweepNowAndThen()),
    sweep,
    stop: async () => {
      stopping.abort();
      await sweeping;
    },
  };
}
