/** Workers that are ready, or were found running, as members of their pools: what they report closes them. */
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { Pool } from "./pool.ts";
import { newWorker, type PooledWorker } from "./pooled-worker.ts";
import type { Worker } from "./worker.ts";

export interface PoolMembersOptions {
  /** One takes no further attempts: it is to end, and may have to be replaced. */
  readonly onClosed: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

export class PoolMembers {
  readonly #options: PoolMembersOptions;

  constructor(options: PoolMembersOptions) {
    this.#options = options;
  }

  /** What was made for the pool is ready. */
  join(pool: Pool, pooled: PooledWorker, worker: Worker): void {
    const { clock } = this.#options;
    pooled.worker = worker;
    pooled.lastUsedAt = clock.now();
    const ignore = worker.onReport((report) => {
      if (report.event === "spoiled") this.retire(pooled, report.reason);
    });
    void worker.ended.then(({ message }) => {
      ignore();
      const isUnused = pooled.uses === 0 && !pooled.isClosed && pool.workers.has(pooled);
      if (isUnused) pool.failed(`it ended before it was used: ${message}`, clock.now());
      this.retire(pooled, message);
    });
  }

  /** Of a worker that an earlier server has made. */
  found(pool: Pool, worker: Worker): PooledWorker {
    const known = [...pool.workers].find((pooled) => pooled.worker?.name === worker.name);
    if (known !== undefined) return known;
    const pooled = newWorker(pool.plan, worker.createdAt);
    this.join(pool, pooled, worker);
    return pooled;
  }

  retire(pooled: PooledWorker, reason: string): void {
    const worker = pooled.worker?.name;
    this.#options.log.debug("a worker takes no further attempts", { worker, reason });
    pooled.isClosed = true;
    this.#options.onClosed();
  }
}
