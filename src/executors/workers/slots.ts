/** Which attempt has which worker: the worker itself until the attempt is over, then only its files there, until it is released. */
import type { AttemptKey } from "../../domain/attempt.ts";
import type { Pool, Taken } from "./pool.ts";
import type { PooledWorker } from "./pooled-worker.ts";
import { nameOf } from "./running.ts";
import type { TakenWorker } from "./worker.ts";

export interface Slot {
  readonly key: AttemptKey;
  readonly pool: Pool;
  readonly pooled: PooledWorker;
  isOver: boolean;
}

export class Slots {
  /** By the attempt's name, until it is released. */
  readonly #slots = new Map<string, Slot>();

  of(key: AttemptKey): Slot | undefined {
    return this.#slots.get(nameOf(key));
  }

  add(pool: Pool, { pooled, earlierAttempts }: Taken, key: AttemptKey): TakenWorker {
    const { worker } = pooled;
    if (worker === undefined) throw new Error("an attempt got a worker that is not ready");
    this.#slots.set(nameOf(key), { key, pool, pooled, isOver: false });
    return { worker, earlierAttempts };
  }

  /** The attempt is over. Its slot, which another one may have; undefined where it has none any more. */
  end(key: AttemptKey, atMs: number): Slot | undefined {
    const slot = this.of(key);
    if (slot === undefined || slot.isOver) return undefined;
    slot.isOver = true;
    slot.pooled.unreleased++;
    slot.pool.ended(slot.pooled, slot.key, atMs);
    return slot;
  }

  /** Of an attempt that is over: nobody needs its files. */
  release(key: AttemptKey): Slot | undefined {
    const slot = this.of(key);
    if (slot === undefined) return undefined;
    this.#slots.delete(nameOf(key));
    slot.pooled.unreleased--;
    return slot;
  }
}
