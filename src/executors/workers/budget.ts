/** What workers may hold while they wait, beside what attempts have requested, and which of them end for that. */
import type { Pool } from "./pool.ts";
import type { PoolLimits } from "./pool-rules.ts";
import type { Running } from "./running.ts";
import {
  heldBy,
  idleWorkers,
  overBudget,
  toFree,
  victimsFor,
  type Held,
  type IdleWorker,
} from "./victims.ts";

export interface BudgetOptions {
  readonly limits: PoolLimits;
  /** Bytes that the machine has available; undefined where that is not known. */
  readonly availableMemory: () => number | undefined;
  readonly running: Running;
  readonly pools: () => Iterable<Pool>;
  readonly now: () => number;
}

export class Budget {
  readonly #options: BudgetOptions;

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  /** Those that end first come first. */
  idle(): readonly IdleWorker[] {
    return idleWorkers(this.#options.pools(), this.#options.now());
  }

  /** Bytes that the machine is short of; none are made ahead then. */
  lackingMemory(): number {
    const { limits, availableMemory } = this.#options;
    return Math.max(0, limits.lowMemoryBytes - (availableMemory() ?? Infinity));
  }

  /** Those that hold what attempts have requested. */
  inTheWay(): readonly IdleWorker[] {
    const { running, limits } = this.#options;
    const { capacity, idleMemoryBytes } = limits;
    const { gpu, memoryBytes } = running.total;
    // Without a look at any worker: most attempts are in nobody's way.
    if (gpu === 0 && memoryBytes + idleMemoryBytes <= (capacity.memoryBytes ?? Infinity)) return [];
    const idle = this.idle();
    return toFree(idle, this.#over(heldBy(idle)));
  }

  /** Those of which there are too many, in number or memory. */
  excess(): readonly IdleWorker[] {
    return overBudget(this.idle(), this.#options.limits);
  }

  /** Those that give the machine this memory back. */
  holding(memoryBytes: number): readonly IdleWorker[] {
    return toFree(this.idle(), { memoryBytes });
  }

  /**
   * Those that end, of pools that were used less recently, so that there may be one more of this pool. Undefined: it may not be
   * made ahead.
   */
  roomFor(pool: Pool): readonly IdleWorker[] | undefined {
    const { pools, limits, now } = this.#options;
    const idle = this.idle();
    const starting = [...pools()].flatMap((other) =>
      [...other.workers].filter(({ worker }) => worker === undefined).map(() => other.bytesOfOne),
    );
    const memoryBytes = starting.reduce((sum, bytes) => sum + bytes, pool.bytesOfOne);
    const held = heldBy(idle);
    const gpu = pool.plan.container.requests.gpu ?? 0;
    const over = this.#over({ gpu: held.gpu + gpu, memoryBytes: held.memoryBytes + memoryBytes });
    if (over.memoryBytes > 0 || (gpu > 0 && over.gpu > 0)) return undefined;
    // What its policy keeps is no matter of the budget.
    if (pool.isBelowPolicy(now())) return [];
    return victimsFor(pool, { memoryBytes, count: starting.length + 1 }, idle, limits);
  }

  /** What is missing where attempts have what they have requested, and workers this. */
  #over(workers: Held): Held {
    const { capacity } = this.#options.limits;
    const { gpu, memoryBytes } = this.#options.running.total;
    return {
      gpu: gpu + workers.gpu - (capacity.gpu ?? Infinity),
      memoryBytes: memoryBytes + workers.memoryBytes - (capacity.memoryBytes ?? Infinity),
    };
  }
}
