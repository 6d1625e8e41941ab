/** Removes the days of the audit log that are old enough. Never the present one. */
import { readdir, rm } from "node:fs/promises";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { DAY_MS, dayOfFile, fileOfDay } from "./day-file.ts";

export interface AuditRetentionOptions {
  readonly directory: string;
  /** Whole days that are kept besides the present one; at least 1. */
  readonly keepDays: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const SWEEP_EVERY_MS = 3_600_000;

/** Sweeps at intervals, beginning now. Gives what stops it. */
export function expireAudit(options: AuditRetentionOptions): () => Promise<void> {
  const { clock, log } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const sweepNowAndThen = async () => {
    while (!signal.aborted) {
      await sweep(options).catch((error: unknown) =>
        log.error("old days of the audit log could not be removed, and will be tried again", { error }),
      );
      await clock.sleep(SWEEP_EVERY_MS, { signal, ref: false }).catch(() => {});
    }
  };
  const sweeping = sweepNowAndThen();
  return async () => {
    stopping.abort();
    await sweeping;
  };
}

async function sweep({ directory, keepDays, clock, log }: AuditRetentionOptions): Promise<void> {
  const before = clock.now() - keepDays * DAY_MS;
  const days = (await readdir(directory)).map(dayOfFile).filter((day) => day !== undefined);
  for (const day of days.filter((each) => Date.parse(each) + DAY_MS <= before)) {
    await rm(fileOfDay(directory, day), { force: true });
    log.info("removed a day of the audit log", { day, keepDays });
  }
}
