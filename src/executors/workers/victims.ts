/** Which idle workers end for others: those that were not used for the longest time first. */
import type { Pool } from "./pool.ts";
import { isIdle, type PooledWorker } from "./pooled-worker.ts";
import { SHORTEST_IDLE_MS, type PoolLimits } from "./pool-rules.ts";

export interface IdleWorker {
  readonly pool: Pool;
  readonly pooled: PooledWorker;
  readonly memoryBytes: number;
  readonly gpu: number;
  /** Its policy says that it stays. */
  readonly isKept: boolean;
  readonly idleMs: number;
}

/** Those that were used last come last, and such that a policy keeps behind all others. */
export function idleWorkers(pools: Iterable<Pool>, atMs: number): IdleWorker[] {
  const idle = [...pools].flatMap((pool) =>
    [...pool.workers].filter(isIdle).map((pooled) => ({
      pool,
      pooled,
      memoryBytes: pooled.measuredBytes ?? pool.bytesOfOne,
      gpu: pool.plan.container.requests.gpu ?? 0,
      isKept: pool.isKept(pooled, atMs),
      idleMs: atMs - pooled.lastUsedAt,
    })),
  );
  return idle.toSorted(
    (a, b) => Number(a.isKept) - Number(b.isKept) || a.pooled.lastUsedAt - b.pooled.lastUsedAt,
  );
}

/** As many as give this; all that would help where they do not. */
export function toFree(
  idle: readonly IdleWorker[],
  amounts: { readonly memoryBytes?: number; readonly gpu?: number },
): readonly IdleWorker[] {
  let { memoryBytes = 0, gpu = 0 } = amounts;
  const victims: IdleWorker[] = [];
  for (const worker of idle) {
    if (memoryBytes <= 0 && gpu <= 0) break;
    if (memoryBytes <= 0 && worker.gpu === 0) continue;
    victims.push(worker);
    memoryBytes -= worker.memoryBytes;
    gpu -= worker.gpu;
  }
  return victims;
}

/** Idle workers, or such that are to be made. */
export interface Amount {
  readonly memoryBytes: number;
  readonly count: number;
}

/** What has to end so that the idle ones keep within the limits; those that a policy keeps never do for that. */
export function overBudget(idle: readonly IdleWorker[], limits: PoolLimits): readonly IdleWorker[] {
  return reduced(idle, { memoryBytes: 0, count: 0 }, limits, () => true).victims;
}

/** What has to end so that these can be made for the pool; undefined where pools that were used less recently cannot give as much. */
export function victimsFor(
  pool: Pool,
  wanted: Amount,
  idle: readonly IdleWorker[],
  limits: PoolLimits,
): readonly IdleWorker[] | undefined {
  const mayEnd = (worker: IdleWorker) =>
    worker.pool !== pool && worker.pool.lastUsedAt < pool.lastUsedAt && worker.idleMs >= SHORTEST_IDLE_MS;
  const { victims, isWithin } = reduced(idle, wanted, limits, mayEnd);
  return isWithin ? victims : undefined;
}

function reduced(
  idle: readonly IdleWorker[],
  wanted: Amount,
  limits: PoolLimits,
  mayEnd: (worker: IdleWorker) => boolean,
): { readonly victims: readonly IdleWorker[]; readonly isWithin: boolean } {
  let memoryBytes = wanted.memoryBytes + heldBy(idle).memoryBytes;
  let count = wanted.count + idle.length;
  const isWithin = () => memoryBytes <= limits.idleMemoryBytes && count <= limits.idleWorkers;
  const victims: IdleWorker[] = [];
  for (const worker of idle) {
    if (isWithin()) break;
    if (worker.isKept || !mayEnd(worker)) continue;
    victims.push(worker);
    memoryBytes -= worker.memoryBytes;
    count -= 1;
  }
  return { victims, isWithin: isWithin() };
}

export interface Held {
  readonly gpu: number;
  readonly memoryBytes: number;
}

export function heldBy(idle: readonly IdleWorker[]): Held {
  return {
    gpu: idle.reduce((sum, { gpu }) => sum + gpu, 0),
    memoryBytes: idle.reduce((sum, worker) => sum + worker.memoryBytes, 0),
  };
}
