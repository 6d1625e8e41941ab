/**
 * Pools of workers: which workers there are, which attempt gets which, and when they are made and ended. A free worker goes to
 * whoever waits at once; all other decisions are in one pass over the pools, which follows each event within 50 ms and, while
 * there is a worker, comes each second.
 */
import type { AttemptKey } from "../../domain/attempt.ts";
import { messageOf } from "../../domain/errors.ts";
import type { RunKey } from "../../domain/ids.ts";
import type { Clock, Timer } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { orAborted, within } from "../../lib/wait.ts";
import { KnownFailures } from "./creation-failures.ts";
import { Ending } from "./ending.ts";
import { Pool, type Taken } from "./pool.ts";
import {
  GIVE_WAY_MS,
  isSingle,
  LONGEST_START_MS,
  LONGEST_WAIT_MS,
  mostCreations,
  type PoolLimits,
} from "./pool-rules.ts";
import type { PoolState } from "../../domain/pool-state.ts";
import { isFree, newWorker, type PooledWorker } from "./pooled-worker.ts";
import { nameOf, Running } from "./running.ts";
import {
  heldBy,
  idleWorkers,
  overBudget,
  toFree,
  victimsFor,
  type Held,
  type IdleWorker,
} from "./victims.ts";
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
  /** Bytes that a worker has in use; undefined where that is not known. */
  readonly memoryOf?: (worker: Worker) => Promise<number | undefined>;
  readonly clock: Clock;
  readonly log: Logger;
}

const SOON_MS = 50;
const SWEEP_MS = 1_000;
const MEASURE_MS = 15_000;
/** How long the end of the server waits for workers that are being made. */
const CLOSE_MS = 5_000;

/** More than there are that end while their attempts are planned. */
const MOST_ENDED_RUNS = 1_000;

export function createWorkerPools(options: WorkerPoolsOptions): WorkerPools {
  return new Pools(options);
}

/** What an attempt has of a worker: the worker itself, then only its files. */
interface Slot {
  readonly key: AttemptKey;
  readonly pool: Pool;
  readonly pooled: PooledWorker;
  isOver: boolean;
}

class Pools implements WorkerPools {
  readonly #options: WorkerPoolsOptions;
  readonly #pools = new Map<string, Pool>();
  readonly #running = new Running();
  readonly #failures = new KnownFailures();
  /** By the attempt's name, until it is released. */
  readonly #slots = new Map<string, Slot>();
  readonly #ending: Ending;
  /** Those that ended last: what was expected of them may be known only later. */
  readonly #endedRuns = new Set<string>();
  readonly #creations = new Set<Promise<void>>();
  /** Creations whose worker is not wanted any more. */
  readonly #abandoned = new Set<Promise<void>>();
  #timer: { readonly atMs: number; readonly alarm: Timer } | undefined;
  #measuredAt = 0;
  #isMeasuring = false;
  #isClosed = false;

  constructor(options: WorkerPoolsOptions) {
    this.#options = options;
    this.#ending = new Ending(options.log);
  }

  begin(attempt: PooledAttemptSpec): void {
    this.#running.add(attempt);
  }

  async take(plan: WorkerPlan, { key, signal, waiting }: WaitingAttempt): Promise<TakenWorker | undefined> {
    signal.throwIfAborted();
    if (this.#isClosed) return undefined;
    const pool = this.#poolOf(plan);
    const { promise, resolve } = Promise.withResolvers<Taken | undefined>();
    pool.take({ key, waiting, resolve }, this.#now());
    pool.serve(this.#now());
    this.#wake(SOON_MS);
    const patience = this.#options.clock.timer(LONGEST_WAIT_MS, () => pool.giveUp(key));
    try {
      const taken = await orAborted(promise, signal);
      return taken && this.#occupied(pool, taken, key);
    } catch (error) {
      if (!pool.leave(key)) await promise.then((taken) => taken && this.#giveBack(pool, taken, key));
      throw error;
    } finally {
      patience.cancel();
    }
  }

  /** It got one in the moment when it was stopped. */
  #giveBack(pool: Pool, taken: Taken, key: AttemptKey): void {
    this.#occupied(pool, taken, key);
    this.end(key);
    this.release(key);
    if (pool.plan.mode === "one_shot") this.#ending.add(taken.pooled);
  }

  adopt(plan: WorkerPlan, worker: Worker, key: AttemptKey): TakenWorker {
    const pool = this.#poolOf(plan);
    const slot = this.#slots.get(nameOf(key));
    // It was watched by this server all the time.
    if (slot?.isOver === false && slot.pooled.worker === worker)
      return { worker, earlierAttempts: slot.pooled.uses - 1 };
    const known = [...pool.workers].find((pooled) => pooled.worker?.name === worker.name);
    this.#wake(SOON_MS);
    const pooled = known ?? this.#found(pool, worker);
    return this.#occupied(pool, pool.adopt(pooled, key, this.#now()), key);
  }

  async giveWay(): Promise<void> {
    if (this.#running.total.gpu === 0 && !this.#isMemoryShort()) return;
    const idle = this.#idle();
    const victims = toFree(idle, this.#over(heldBy(idle)));
    if (victims.length === 0) return;
    this.#end(victims);
    await within(this.#ending.done(), GIVE_WAY_MS, this.#options.clock);
  }

  end(key: AttemptKey): void {
    this.#running.remove(key);
    // What it gave back may be enough for a worker.
    if (this.#pools.size > 0) this.#wake(SOON_MS);
    const slot = this.#slots.get(nameOf(key));
    if (slot === undefined || slot.isOver) return;
    slot.isOver = true;
    slot.pooled.unreleased++;
    slot.pool.ended(slot.pooled, slot.key, this.#now());
    this.#changed(slot.pool);
  }

  release(key: AttemptKey): void {
    this.end(key);
    const slot = this.#slots.get(nameOf(key));
    if (slot === undefined) return;
    this.#slots.delete(nameOf(key));
    slot.pooled.unreleased--;
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
    if (pooled !== undefined) this.#retire(pooled, reason);
  }

  expect(plans: readonly WorkerPlan[]): void {
    const expected = new Map<Pool, number>();
    for (const plan of plans) {
      if (this.#hasEnded(plan)) continue;
      const pool = this.#poolOf(plan);
      expected.set(pool, (expected.get(pool) ?? 0) + 1);
    }
    for (const [pool, attempts] of expected) pool.expect(attempts, this.#now());
    this.#wake(SOON_MS);
  }

  runEnded({ project, domain, run }: RunKey): void {
    this.#endedRuns.add(runName({ project, domain, run }));
    const [oldest] = this.#endedRuns;
    if (this.#endedRuns.size > MOST_ENDED_RUNS && oldest !== undefined) this.#endedRuns.delete(oldest);
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
    this.#timer?.alarm.cancel();
    for (const pool of this.#pools.values()) pool.retire();
    this.#pass();
    await Promise.all(this.#creations);
    await within(Promise.all(this.#abandoned), CLOSE_MS, this.#options.clock);
    await this.#ending.done();
  }

  #hasEnded({ run, container }: WorkerPlan): boolean {
    const { project, domain } = container.key;
    return run !== undefined && this.#endedRuns.has(runName({ project, domain, run }));
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

  #occupied(pool: Pool, { pooled, earlierAttempts }: Taken, key: AttemptKey): TakenWorker {
    const { worker } = pooled;
    if (worker === undefined) throw new Error("an attempt got a worker that is not ready");
    this.#slots.set(nameOf(key), { key, pool, pooled, isOver: false });
    return { worker, earlierAttempts };
  }

  #changed(pool: Pool): void {
    pool.serve(this.#now());
    if (this.#isClosed) this.#pass();
    else this.#wake(SOON_MS);
  }

  #wake(inMs: number): void {
    const atMs = this.#now() + inMs;
    if (this.#isClosed || (this.#timer !== undefined && this.#timer.atMs <= atMs)) return;
    this.#timer?.alarm.cancel();
    const alarm = this.#options.clock.timer(inMs, () => {
      this.#timer = undefined;
      void this.#measure();
      this.#pass();
    });
    this.#timer = { atMs, alarm };
  }

  #pass(): void {
    const now = this.#now();
    for (const [name, pool] of this.#pools) {
      for (const pooled of pool.takeUnneeded(now)) this.#ending.add(pooled);
      pool.serve(now);
      if (pool.isOver(now)) this.#pools.delete(name);
    }
    this.#failures.forget(now, new Set([...this.#pools.values()].map(({ failures }) => failures)));
    if (this.#isClosed) return;
    const { limits, availableMemory } = this.#options;
    const available = availableMemory() ?? Infinity;
    const isLow = available < limits.lowMemoryBytes;
    if (isLow) this.#end(toFree(this.#idle(), { memoryBytes: limits.lowMemoryBytes - available }));
    this.#end(overBudget(this.#idle(), limits));
    this.#createMissing(isLow);
    const pools = [...this.#pools.values()];
    const isNeeded = pools.some((pool) => pool.isActive || pool.failures.retryAt > now);
    if (isNeeded) this.#wake(SWEEP_MS);
    // One whose attempt still runs is looked after when that ends.
    const unused = pools.filter(({ oneShot }) => oneShot.size === 0);
    if (unused.length > 0)
      this.#wake(Math.max(SWEEP_MS, Math.min(...unused.map(({ overAt }) => overAt)) - now));
  }

  #idle(): IdleWorker[] {
    return idleWorkers(this.#pools.values(), this.#now());
  }

  #end(workers: readonly IdleWorker[]): void {
    for (const { pool, pooled } of workers) {
      pool.workers.delete(pooled);
      pool.gaveWay();
      this.#ending.add(pooled);
    }
  }

  #isMemoryShort(): boolean {
    const { capacity, idleMemoryBytes } = this.#options.limits;
    return this.#running.total.memoryBytes + idleMemoryBytes > (capacity.memoryBytes ?? Infinity);
  }

  /** What is missing where attempts have what they have requested, and workers this. */
  #over(workers: Held): Held {
    const { capacity } = this.#options.limits;
    const { gpu, memoryBytes } = this.#running.total;
    return {
      gpu: gpu + workers.gpu - (capacity.gpu ?? Infinity),
      memoryBytes: memoryBytes + workers.memoryBytes - (capacity.memoryBytes ?? Infinity),
    };
  }

  /** Those that attempts wait for come first, then those of the pool that was used last. */
  #createMissing(isLow: boolean): void {
    const { limits } = this.#options;
    const now = this.#now();
    const most = mostCreations(limits.capacity.cpu ?? 1, this.#running.count);
    const isBusy = isSingle(limits.capacity.cpu) && this.#running.working > 0;
    const byNeed = [...this.#pools.values()].toSorted(
      (a, b) => Number(b.waiting > 0) - Number(a.waiting > 0) || b.lastUsedAt - a.lastUsedAt,
    );
    for (const pool of byNeed) {
      while (this.#creations.size < most && pool.missing(now) > 0) {
        // What an attempt waits for takes no more than its own container would. A one-shot worker saves no processor time: what
        // it takes of the only processor is taken from the attempt that runs.
        const isHeldBack = isLow || (isBusy && pool.plan.mode === "one_shot");
        if (pool.waiting === 0 && (isHeldBack || !this.#fits(pool))) break;
        this.#create(pool);
      }
    }
  }

  /** Whether there is, or pools that were used less recently give, what one more idle worker of this pool takes. */
  #fits(pool: Pool): boolean {
    const idle = this.#idle();
    const starting = [...this.#pools.values()].flatMap((other) =>
      [...other.workers].filter(({ worker }) => worker === undefined).map(() => other.bytesOfOne),
    );
    const memoryBytes = starting.reduce((sum, bytes) => sum + bytes, pool.bytesOfOne);
    const held = heldBy(idle);
    const gpu = pool.plan.container.requests.gpu ?? 0;
    const over = this.#over({ gpu: held.gpu + gpu, memoryBytes: held.memoryBytes + memoryBytes });
    if (over.memoryBytes > 0 || (gpu > 0 && over.gpu > 0)) return false;
    // What its policy keeps is no matter of the budget.
    if (pool.isBelowPolicy(this.#now())) return true;
    const victims = victimsFor(pool, { memoryBytes, count: starting.length + 1 }, idle, this.#options.limits);
    if (victims === undefined) return false;
    this.#end(victims);
    return true;
  }

  #create(pool: Pool): void {
    const pooled = newWorker(pool.plan, this.#now());
    pool.workers.add(pooled);
    const creation = this.#make(pool, pooled).finally(() => {
      this.#creations.delete(creation);
      this.#changed(pool);
    });
    this.#creations.add(creation);
  }

  async #make(pool: Pool, pooled: PooledWorker): Promise<void> {
    const { maker, clock, log } = this.#options;
    const make = async () => {
      if (pool.waiting > 0) await this.giveWay();
      return await maker.make(pool.plan);
    };
    const making = make();
    const getReady = async () => {
      const worker = await making;
      const { mode, runtime, sdk, preloaded, leftOut } = await worker.ready;
      if (mode !== pool.plan.mode) throw new Error(`it is a worker of mode ${mode}, not ${pool.plan.mode}`);
      log.debug("a worker is ready", { worker: worker.name, runtime, sdk, preloaded, leftOut });
      return worker;
    };
    try {
      const worker = await orAborted(within(getReady(), LONGEST_START_MS, clock), pooled.creation.signal);
      if (worker === undefined) throw new Error(`it was not ready after ${LONGEST_START_MS / 1000} s`);
      pool.created();
      this.#joined(pool, pooled, worker);
      pool.serve(this.#now());
    } catch (error) {
      pool.workers.delete(pooled);
      this.#abandon(pooled, making);
      if (pooled.creation.signal.aborted) return;
      const level = pool.failures.count === 0 ? "warn" : "debug";
      log[level]("a worker could not be made: attempts start cold", { pool: pool.plan.pool, error });
      pool.failed(messageOf(error), this.#now());
    }
  }

  /** Ends a worker that did not get ready, also where its container is there only later. */
  #abandon(pooled: PooledWorker, making: Promise<Worker>): void {
    const abandoned = making
      .then(
        (worker) => {
          pooled.worker = worker;
          this.#ending.add(pooled);
        },
        // There is no container: its maker has removed what it had made.
        () => {},
      )
      .finally(() => this.#abandoned.delete(abandoned));
    this.#abandoned.add(abandoned);
  }

  #found(pool: Pool, worker: Worker): PooledWorker {
    const pooled = newWorker(pool.plan, worker.createdAt);
    this.#joined(pool, pooled, worker);
    return pooled;
  }

  #joined(pool: Pool, pooled: PooledWorker, worker: Worker): void {
    pooled.worker = worker;
    pooled.lastUsedAt = this.#now();
    const ignore = worker.onReport((report) => {
      if (report.event === "spoiled") this.#retire(pooled, report.reason);
    });
    void worker.ended.then(({ message }) => {
      ignore();
      const isUnused = pooled.uses === 0 && !pooled.isClosed && pool.workers.has(pooled);
      if (isUnused) pool.failed(`it ended before it was used: ${message}`, this.#now());
      this.#retire(pooled, message);
    });
  }

  #retire(pooled: PooledWorker, reason: string): void {
    const worker = pooled.worker?.name;
    this.#options.log.debug("a worker takes no further attempts", { worker, reason });
    pooled.isClosed = true;
    this.#wake(SOON_MS);
  }

  async #measure(): Promise<void> {
    const { memoryOf } = this.#options;
    if (memoryOf === undefined || this.#isMeasuring || this.#now() - this.#measuredAt < MEASURE_MS) return;
    this.#measuredAt = this.#now();
    this.#isMeasuring = true;
    for (const { pool, pooled } of this.#idle()) {
      const { worker } = pooled;
      if (worker === undefined) continue;
      // One that cannot be measured counts as before; where it has ended, the next pass removes it.
      const bytes = await memoryOf(worker).catch(() => undefined);
      if (bytes !== undefined) pool.measured(pooled, bytes);
    }
    this.#isMeasuring = false;
  }
}

function runName({ project, domain, run }: RunKey): string {
  return [project, domain, run].join("/");
}
