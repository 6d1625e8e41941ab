/** Workers that have left their pools and end. */
import type { Logger } from "../../lib/log.ts";
import { isFree, type PooledWorker } from "./pooled-worker.ts";

export class Ending {
  readonly #log: Logger;
  /** Files of their attempts are still needed. */
  readonly #needed = new Set<PooledWorker>();
  readonly #removals = new Set<Promise<void>>();

  constructor(log: Logger) {
    this.#log = log;
  }

  add(pooled: PooledWorker): void {
    if (isFree(pooled)) this.#remove(pooled);
    else this.#needed.add(pooled);
  }

  /** The last of its attempts was released. */
  freed(pooled: PooledWorker): void {
    if (this.#needed.delete(pooled)) this.#remove(pooled);
  }

  /** Resolves when those that end now are gone. */
  async done(): Promise<void> {
    await Promise.all(this.#removals);
  }

  #remove({ worker }: PooledWorker): void {
    if (worker === undefined) return;
    const removal = worker
      .remove()
      .catch((error: unknown) =>
        this.#log.warn("a worker could not be removed", { worker: worker.name, error }),
      )
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }
}
