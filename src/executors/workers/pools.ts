/**
 * Pools of workers: which workers there are, which attempt gets which, and when they are made and ended. A free worker goes to
 * whoever waits at once; all other decisions are in one pass over the pools, which follows each event within 50 ms and, while
 * there is a worker, comes each second.
 */
import type { AttemptKey } from "../../domain/attempt.ts";
import type { RunKey } from "../../domain/ids.ts";
import type { PoolState } from "../../domain/pool-state.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { orAborted, within } from "../../lib/wait.ts";
import { Alarm } from "./alarm.ts";
import { Budget } from "./budget.ts";
import { KnownFailures } from "./creation-failures.ts";
import { Creations } from "./creations.ts";
import { EndedRuns } from "./ended-runs.ts";
import { Ending } from "./ending.ts";
import { Measuring, type MemoryOf } from "./measuring.ts";
import { Pool, type Taken } from "./pool.ts";
import { PoolMembers } from "./pool-members.ts";
import {
  GIVE_WAY_MS,
  LONGEST_WAIT_MS,
  mostCreations,
  processorsAreTaken,
  type PoolLimits,
} from "./pool-rules.ts";
import { isFree } from "./pooled-worker.ts";
import { Roots } from "./roots.ts";
import { Running } from "./running.ts";
import { Slots } from "./slots.ts";
import type { IdleWorker } from "./victims.ts";
import type {
  PooledAttemptSpec,
  TakenWorker,
  WaitingAttempt,
  Worker,
  WorkerMaker,
  WorkerPlan,
  WorkerPools,
} from "./worker.ts";

export interface WorkerPoolsOptions {
  readonly maker: WorkerMaker;
  readonly limits: PoolLimits;
  /** Bytes that the machine has available; undefined where that is not known. */
  readonly availableMemory: () => number | undefined;
  /** Without it each worker counts as one of its mode is assumed to be. */
  readonly memoryOf?: MemoryOf;
  readonly clock: Clock;
  readonly log: Logger;
}

const SOON_MS = 50;
const SWEEP_MS = 1_000;

export function createWorkerPools(options: WorkerPoolsOptions): WorkerPools {
  return new Pools(options);
}

class Pools implements WorkerPools {
  readonly #options: WorkerPoolsOptions;
  readonly #pools = new Map<string, Pool>();
  readonly #running = new Running();
  readonly #failures = new KnownFailures();
  readonly #roots = new Roots();
  readonly #slots = new Slots();
  readonly #endedRuns = new EndedRuns();
  readonly #budget: Budget;
  readonly #members: PoolMembers;
  readonly #creations: Creations;
  readonly #ending: Ending;
  readonly #measuring: Measuring | undefined;
  readonly #alarm: Alarm;
  #isClosed = false;

  constructor(options: WorkerPoolsOptions) {
    const { memoryOf, clock, log } = options;
    this.#options = options;
    this.#ending = new Ending(log);
    this.#measuring = memoryOf && new Measuring(memoryOf, clock);
    this.#alarm = new Alarm(clock, () => {
      void this.#measuring?.measure(() => this.#budget.idle());
      this.#pass();
    });
    this.#members = new PoolMembers({ ...options, onClosed: () => this.#wake(SOON_MS) });
    this.#budget = new Budget({
      ...options,
      running: this.#running,
      pools: () => this.#pools.values(),
      now: () => this.#now(),
    });
    this.#creations = new Creations({
      ...options,
      ending: this.#ending,
      giveWay: () => this.giveWay(),
      onReady: (pool, pooled, worker) => {
        this.#members.join(pool, pooled, worker);
        pool.serve(this.#now());
      },
      onOver: (pool) => this.#changed(pool),
    });
  }

  begin(attempt: PooledAttemptSpec): void {
    this.#running.add(attempt);
  }

  async take(plan: WorkerPlan, { key, signal, waiting }: WaitingAttempt): Promise<TakenWorker | undefined> {
    signal.throwIfAborted();
    if (this.#isClosed) return undefined;
    this.#roots.add(plan, key);
    const pool = this.#poolOf(plan);
    const { promise, resolve } = Promise.withResolvers<Taken | undefined>();
    pool.take({ key, waiting, resolve }, this.#now());
    pool.serve(this.#now());
    this.#wake(SOON_MS);
    const patience = this.#options.clock.timer(LONGEST_WAIT_MS, () => pool.giveUp(key));
    try {
      const taken = await orAborted(promise, signal);
      return taken && this.#slots.add(pool, taken, key);
    } catch (error) {
      if (!pool.leave(key)) await promise.then((taken) => taken && this.#giveBack(pool, taken, key));
      throw error;
    } finally {
      patience.cancel();
    }
  }

  /** It got one in the moment when it was stopped. */
  #giveBack(pool: Pool, taken: Taken, key: AttemptKey): void {
    this.#slots.add(pool, taken, key);
    this.release(key);
    if (pool.plan.mode === "one_shot") this.#ending.add(taken.pooled);
  }

  adopt(plan: WorkerPlan, worker: Worker, key: AttemptKey): TakenWorker {
    const pool = this.#poolOf(plan);
    const slot = this.#slots.of(key);
    // It was watched by this server all the time.
    if (slot?.isOver === false && slot.pooled.worker === worker)
      return { worker, earlierAttempts: slot.pooled.uses - 1 };
    this.#wake(SOON_MS);
    const pooled = this.#members.found(pool, worker);
    return this.#slots.add(pool, pool.adopt(pooled, key, this.#now()), key);
  }

  async giveWay(): Promise<void> {
    const victims = this.#budget.inTheWay();
    if (victims.length === 0) return;
    this.#end(victims);
    await within(this.#ending.done(), GIVE_WAY_MS, this.#options.clock);
  }

  end(key: AttemptKey): void {
    this.#running.remove(key);
    const root = this.#roots.end(key);
    if (root !== undefined) this.#poolOf(root).rootEnded(this.#now());
    // What it gave back may be enough for a worker.
    if (this.#pools.size > 0) this.#wake(SOON_MS);
    const slot = this.#slots.end(key, this.#now());
    if (slot !== undefined) this.#changed(slot.pool);
  }

  release(key: AttemptKey): void {
    this.end(key);
    const slot = this.#slots.release(key);
    if (slot === undefined) return;
    if (isFree(slot.pooled)) this.#ending.freed(slot.pooled);
    this.#changed(slot.pool);
  }

  holds(name: string): boolean {
    return [...this.#pools.values()].some((pool) =>
      [...pool.workers].some((pooled) => pooled.worker?.name === name),
    );
  }

  retire(worker: Worker, reason: string): void {
    const pool = this.#pools.get(worker.plan.pool);
    const pooled = [...(pool?.workers ?? [])].find((one) => one.worker === worker);
    if (pooled !== undefined) this.#members.retire(pooled, reason);
  }

  expect(plans: readonly WorkerPlan[]): void {
    const expected = new Map<Pool, number>();
    for (const plan of plans) {
      if (this.#endedRuns.has(plan)) continue;
      const pool = this.#poolOf(plan);
      expected.set(pool, (expected.get(pool) ?? 0) + 1);
    }
    for (const [pool, attempts] of expected) pool.expect(attempts, this.#now());
    this.#wake(SOON_MS);
  }

  runEnded({ project, domain, run }: RunKey): void {
    this.#endedRuns.add({ project, domain, run });
    for (const pool of this.#pools.values()) {
      const { key } = pool.plan.container;
      if (pool.plan.run === run && key.project === project && key.domain === domain) pool.retire();
    }
    this.#wake(SOON_MS);
  }

  states(): readonly PoolState[] {
    return [...this.#pools.values()].map((pool) => pool.state());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#alarm.cancel();
    for (const pool of this.#pools.values()) pool.retire();
    this.#pass();
    await this.#creations.done();
    await this.#ending.done();
  }

  #now(): number {
    return this.#options.clock.now();
  }

  #poolOf(plan: WorkerPlan): Pool {
    const existing = this.#pools.get(plan.pool);
    if (existing !== undefined) return existing;
    const { capacity } = this.#options.limits;
    const known = { running: this.#running, failures: this.#failures.of(plan) };
    const pool = new Pool(plan, known, capacity.cpu, this.#now());
    this.#pools.set(plan.pool, pool);
    return pool;
  }

  #changed(pool: Pool): void {
    pool.serve(this.#now());
    if (this.#isClosed) this.#pass();
    else this.#wake(SOON_MS);
  }

  #wake(inMs: number): void {
    if (!this.#isClosed) this.#alarm.in(inMs);
  }

  #pass(): void {
    const now = this.#now();
    for (const [name, pool] of this.#pools) {
      for (const pooled of pool.takeUnneeded(now)) this.#ending.add(pooled);
      pool.serve(now);
      // How often runs have begun with its plan is known until the present one has ended, however long that takes.
      if (pool.isOver(now) && !this.#roots.has(pool.plan)) this.#pools.delete(name);
    }
    this.#failures.forget(now, new Set([...this.#pools.values()].map(({ failures }) => failures)));
    if (this.#isClosed) return;
    const lackingBytes = this.#budget.lackingMemory();
    this.#end(this.#budget.holding(lackingBytes));
    this.#end(this.#budget.excess());
    this.#createMissing(lackingBytes > 0);
    this.#wakeForNext(now);
  }

  #wakeForNext(now: number): void {
    const pools = [...this.#pools.values()];
    const isNeeded = pools.some((pool) => pool.isActive || pool.failures.retryAt > now);
    if (isNeeded) this.#wake(SWEEP_MS);
    // One whose attempt still runs is looked after when that ends.
    const unused = pools.filter(({ oneShot, plan }) => oneShot.size === 0 && !this.#roots.has(plan));
    if (unused.length > 0)
      this.#wake(Math.max(SWEEP_MS, Math.min(...unused.map(({ overAt }) => overAt)) - now));
  }

  #end(workers: readonly IdleWorker[]): void {
    for (const { pool, pooled } of workers) {
      pool.workers.delete(pooled);
      pool.gaveWay();
      this.#ending.add(pooled);
    }
  }

  /** Those that attempts wait for come first, then those of the pool that was used last; those for the next run come last. */
  #createMissing(isLow: boolean): void {
    const { cpu } = this.#options.limits.capacity;
    const now = this.#now();
    const most = mostCreations(cpu ?? 1, this.#running.processors);
    const areTaken = processorsAreTaken(cpu, this.#running.processors);
    const byNeed = [...this.#pools.values()].toSorted(
      (a, b) =>
        Number(b.waiting > 0) - Number(a.waiting > 0) ||
        Number(a.isForNextRun) - Number(b.isForNextRun) ||
        b.lastUsedAt - a.lastUsedAt,
    );
    for (const pool of byNeed) {
      while (this.#creations.count < most && pool.missing(now) > 0) {
        // What an attempt waits for takes no more than its own container would. A one-shot worker saves no processor time: what
        // it takes where none is idle is taken from the attempts that compute.
        const isHeldBack = isLow || (areTaken && pool.plan.mode === "one_shot");
        if (pool.waiting === 0 && (isHeldBack || !this.#makeRoom(pool))) break;
        this.#creations.begin(pool);
      }
    }
  }

  /** Whether there is room for one more idle worker of this pool now. */
  #makeRoom(pool: Pool): boolean {
    const victims = this.#budget.roomFor(pool);
    if (victims !== undefined) this.#end(victims);
    return victims !== undefined;
  }
}
