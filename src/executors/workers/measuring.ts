/** Asks now and then how much memory idle workers have in use. */
import type { Clock } from "../../lib/clock.ts";
import type { IdleWorker } from "./victims.ts";
import type { Worker } from "./worker.ts";

/** Bytes; undefined where that is not known. */
export type MemoryOf = (worker: Worker) => Promise<number | undefined>;

const MEASURE_MS = 15_000;

export class Measuring {
  readonly #memoryOf: MemoryOf;
  readonly #clock: Clock;
  #measuredAt = 0;
  #isMeasuring = false;

  constructor(memoryOf: MemoryOf, clock: Clock) {
    this.#memoryOf = memoryOf;
    this.#clock = clock;
  }

  /** Does nothing where they were measured less than 15 s ago. */
  async measure(idle: () => readonly IdleWorker[]): Promise<void> {
    const now = this.#clock.now();
    if (this.#isMeasuring || now - this.#measuredAt < MEASURE_MS) return;
    this.#measuredAt = now;
    this.#isMeasuring = true;
    for (const { pool, pooled } of idle()) {
      if (pooled.worker === undefined) continue;
      // One that cannot be measured counts as before; where it has ended, the next pass removes it.
      const bytes = await this.#memoryOf(pooled.worker).catch(() => undefined);
      if (bytes !== undefined) pool.measured(pooled, bytes);
    }
    this.#isMeasuring = false;
  }
}
