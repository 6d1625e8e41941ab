/** Removes the logs of runs that ended long ago. Their objects stay: results may be used again. */
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
  /** Looks now and then, beginning now. */
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
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> | undefined;
  let stopped = false;

  const sweep = async (): Promise<number> => {
    const before = clock.now() - keepDays * DAY_MS;
    let removed = 0;
    while (!stopped) {
      const runs = await store.runsWithLogs(before, RUNS_PER_STEP);
      for (const run of runs) {
        // The files first: what is interrupted in between is only done again.
        await logs.removeRun(run.key);
        await store.logsRemoved(run, clock.now());
      }
      removed += runs.length;
      if (runs.length < RUNS_PER_STEP) break;
    }
    if (removed > 0) log.info("removed the logs of runs that ended long ago", { runs: removed, keepDays });
    return removed;
  };

  const look = () => {
    sweeping = sweep().then(
      () => {},
      (error: unknown) => log.error("old logs could not be removed, and will be tried again", { error }),
    );
    timer = setTimeout(look, SWEEP_EVERY_MS);
    timer.unref();
  };

  return {
    start: look,
    sweep,
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await sweeping;
    },
  };
}
