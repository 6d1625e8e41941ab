/** The workers of one plan, and the attempts that wait for one of them. It makes and ends none: pools.ts does. */
import type { ActionKey } from "../../domain/ids.ts";
import type { ReusePolicy } from "../../domain/reuse-policy.ts";
import type { CreationFailures } from "./creation-failures.ts";
import type { Running } from "./running.ts";
import { isFree, isIdle, isUsable, type PooledWorker } from "./pooled-worker.ts";
import { assumedBytes, idleMs, isForNextRun, isSingle, mostReplicas, wantedReplicas } from "./pool-rules.ts";
import type { PoolState } from "../../domain/pool-state.ts";
import type { WorkerPlan } from "./worker.ts";

/** Where an attempt runs. */
export interface Taken {
  readonly pooled: PooledWorker;
  readonly earlierAttempts: number;
}

interface Waiter {
  readonly key: ActionKey;
  readonly waiting: (reason: string) => void;
  /** With undefined it starts cold. */
  readonly resolve: (taken: Taken | undefined) => void;
}

export class Pool {
  readonly plan: WorkerPlan;
  readonly workers = new Set<PooledWorker>();
  /** Attempts that have taken a worker for themselves. */
  readonly oneShot = new Set<PooledWorker>();
  hits = 0;
  misses = 0;
  lastUsedAt: number;
  /** The run that its workers serve has ended. */
  isRetired = false;
  readonly failures: CreationFailures;
  readonly #running: Running;
  readonly #policy: ReusePolicy | undefined;
  readonly #waiters: Waiter[] = [];
  /** Workers that are to be kept: idle ones of one_shot, all of fork. */
  #target = 0;
  readonly #most: number;
  readonly #isSingle: boolean;
  #measuredBytes: number | undefined;

  constructor(
    plan: WorkerPlan,
    { running, failures }: { readonly running: Running; readonly failures: CreationFailures },
    processors: number | undefined,
    atMs: number,
  ) {
    this.plan = plan;
    this.lastUsedAt = atMs;
    this.#running = running;
    this.failures = failures;
    this.#most = Math.max(1, Math.floor(processors ?? 1));
    this.#isSingle = isSingle(processors);
    this.#policy = plan.mode === "resident" ? plan.container.reuse : undefined;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /** Whether its workers may have to be ended, or others to be made. */
  get isActive(): boolean {
    return this.workers.size > 0 || this.#waiters.length > 0;
  }

  /** Milliseconds since the epoch: when nothing of it is shown any longer, unless it is used. */
  get overAt(): number {
    return this.lastUsedAt + idleMs(this.plan);
  }

  /** Whether nothing of it is needed, or shown, any longer. */
  isOver(atMs: number): boolean {
    return !this.isActive && this.oneShot.size === 0 && (this.isRetired || atMs >= this.overAt);
  }

  /** Its workers take the roots of runs that are not there yet. */
  get isForNextRun(): boolean {
    return isForNextRun(this.plan);
  }

  get bytesOfOne(): number {
    return this.#measuredBytes ?? assumedBytes(this.plan);
  }

  measured(pooled: PooledWorker, bytes: number): void {
    pooled.measuredBytes = bytes;
    this.#measuredBytes = bytes;
  }

  /** Attempts of the plan will be asked for. */
  expect(attempts: number, atMs: number): void {
    this.lastUsedAt = atMs;
    this.#target = Math.max(this.#target, Math.min(attempts, this.#most));
  }

  /** A run has ended that began with this plan: the next one may. */
  rootEnded(atMs: number): void {
    this.lastUsedAt = atMs;
    // On one processor a worker that nobody uses is too dear.
    if (!this.#isSingle || this.hits + this.misses > 1) this.expect(1, atMs);
  }

  /** `waiter.resolve` is called at once, or when a worker is free, or with undefined where none is to be waited for. */
  take(waiter: Waiter, atMs: number): void {
    this.isRetired = false;
    this.lastUsedAt = atMs;
    // Until it ends: what is made for the next run takes nothing from the start of this one.
    if (this.isForNextRun) this.#target = 0;
    const free = this.#waiters.length === 0 ? this.#freeWorker(atMs) : undefined;
    if (free !== undefined) return this.#serve(waiter, free, atMs);
    if (this.#policy === undefined) {
      // One that is being made is ready sooner than a container that is yet to be made.
      if (this.#starting().length > this.#waiters.length) this.#waiters.push(waiter);
      else {
        // On one processor a worker that nobody uses is too dear.
        const isLikely = this.#running.isChild(waiter.key) && (!this.#isSingle || this.misses > 0);
        if (isLikely) this.#target = Math.min(this.#target + 1, this.#most);
        this.#startCold([waiter]);
      }
      return;
    }
    this.#waiters.push(waiter);
    if (this.failures.retryAt > atMs) this.#giveUpStuck();
    if (!this.#waiters.includes(waiter)) return;
    waiter.waiting(this.#reason(atMs));
  }

  /** It was stopped, or is watched by nobody any longer. False where it does not wait. */
  leave(key: ActionKey): boolean {
    const index = this.#waiters.findIndex((waiter) => waiter.key === key);
    if (index === -1) return false;
    this.#waiters.splice(index, 1);
    return true;
  }

  /** Nobody waits longer for a worker than its own container would take, but where a policy says so. */
  giveUp(key: ActionKey): void {
    if (this.#policy !== undefined) return;
    const index = this.#waiters.findIndex((waiter) => waiter.key === key);
    if (index !== -1) this.#startCold(this.#waiters.splice(index, 1));
  }

  /** Gives free workers to those who wait, in the order of their arrival. */
  serve(atMs: number): void {
    while (this.#waiters.length > 0) {
      const free = this.#freeWorker(atMs);
      if (free === undefined) return;
      const waiter = this.#waiters.shift();
      if (waiter !== undefined) this.#serve(waiter, free, atMs);
    }
  }

  #serve(waiter: Waiter, free: PooledWorker, atMs: number): void {
    this.hits++;
    waiter.resolve(this.#occupy(free, waiter.key, atMs));
  }

  /** The attempt is over, whoever waits may have its slot. */
  ended(pooled: PooledWorker, key: ActionKey, atMs: number): void {
    pooled.running.delete(key);
    pooled.lastUsedAt = atMs;
    this.lastUsedAt = atMs;
    this.oneShot.delete(pooled);
  }

  /** Takes up an attempt that an earlier server has started in this worker. */
  adopt(pooled: PooledWorker, key: ActionKey, atMs: number): Taken {
    this.workers.add(pooled);
    return this.#occupy(pooled, key, atMs);
  }

  created(): void {
    this.failures.clear();
  }

  /** A creation has failed: whoever cannot be served starts cold. */
  failed(message: string, atMs: number): void {
    this.failures.add(message, atMs);
    this.#giveUpStuck();
  }

  /** Workers that are missing now. */
  missing(atMs: number): number {
    if (this.isRetired || atMs < this.failures.retryAt) return 0;
    const usable = this.#usable(atMs);
    switch (this.plan.mode) {
      case "one_shot":
        return this.#target + this.#waiters.length - usable.length;
      case "fork":
        return this.#target - usable.length;
      case "resident":
        return this.#wanted(atMs) - usable.length;
    }
  }

  /** Its run has ended. So does what is being made. */
  retire(): void {
    this.isRetired = true;
    this.#target = 0;
    for (const pooled of this.#starting()) {
      pooled.isClosed = true;
      pooled.creation.abort();
    }
    this.#giveUpStuck();
  }

  /** Removes from the pool, and answers, the workers that are needed no longer. */
  takeUnneeded(atMs: number): PooledWorker[] {
    const idle = [...this.workers].filter((pooled) => isIdle(pooled) && isFree(pooled));
    const unneeded = this.#unneeded(idle, atMs);
    for (const pooled of unneeded) this.workers.delete(pooled);
    return unneeded;
  }

  #unneeded(idle: readonly PooledWorker[], atMs: number): PooledWorker[] {
    const unusable = idle.filter((pooled) => this.isRetired || !isUsable(pooled, atMs));
    const usable = idle.filter((pooled) => !unusable.includes(pooled));
    if (this.#policy === undefined) {
      const unused = usable.filter((pooled) => atMs - pooled.lastUsedAt >= idleMs(this.plan));
      this.#target = Math.max(0, this.#target - unused.length);
      return [...unusable, ...unused];
    }
    return [...unusable, ...this.#scaledDown(usable, this.#policy, atMs)];
  }

  /** Whether its policy says that there is one worker more than there is. */
  isBelowPolicy(atMs: number): boolean {
    return this.#policy !== undefined && this.#usable(atMs).length < this.#wanted(atMs);
  }

  /** Whether its policy says that this idle worker stays. */
  isKept(pooled: PooledWorker, atMs: number): boolean {
    return (
      this.#policy !== undefined && isUsable(pooled, atMs) && this.#usable(atMs).length <= this.#wanted(atMs)
    );
  }

  /** An idle one ended for others: it is made again at the next use. */
  gaveWay(): void {
    this.#target = Math.max(0, this.#target - 1);
  }

  state(): PoolState {
    const { plan, workers, hits, misses, lastUsedAt } = this;
    const { project, domain } = plan.container.key;
    const all = [...workers, ...this.oneShot];
    return {
      pool: plan.pool,
      mode: plan.mode,
      image: plan.container.image.reference,
      project,
      domain,
      run: plan.run,
      starting: this.#starting().length,
      idle: all.filter(isIdle).length,
      busy: all.filter(({ running }) => running.size > 0).length,
      memoryBytes: all.reduce((sum, { measuredBytes }) => sum + (measuredBytes ?? this.bytesOfOne), 0),
      hits,
      misses,
      lastUsedAt: hits + misses === 0 ? undefined : lastUsedAt,
      problem: this.failures.problem,
    };
  }

  #occupy(pooled: PooledWorker, key: ActionKey, atMs: number): Taken {
    const earlierAttempts = pooled.uses++;
    pooled.running.add(key);
    pooled.lastUsedAt = atMs;
    if (this.plan.mode === "one_shot") {
      this.workers.delete(pooled);
      this.oneShot.add(pooled);
    }
    return { pooled, earlierAttempts };
  }

  /** The least busy one; of several the one that was used last, so that the others may end. */
  #freeWorker(atMs: number): PooledWorker | undefined {
    const free = this.#usable(atMs).filter(
      ({ worker, running }) => worker !== undefined && running.size < this.plan.concurrency,
    );
    const [best] = free.toSorted((a, b) => a.running.size - b.running.size || b.lastUsedAt - a.lastUsedAt);
    // One that is above what the policy lets be ends instead.
    if (best === undefined || this.#policy === undefined) return best;
    const busy = this.#usable(atMs).filter(({ running }) => running.size > 0).length;
    const isAbove = best.running.size === 0 && busy >= mostReplicas(this.#policy, this.#awaiting());
    return isAbove ? undefined : best;
  }

  #usable(atMs: number): PooledWorker[] {
    return [...this.workers].filter((pooled) => isUsable(pooled, atMs));
  }

  #starting(): PooledWorker[] {
    return [...this.workers].filter(({ worker, isClosed }) => worker === undefined && !isClosed);
  }

  #runningKeys(): ActionKey[] {
    return [...this.workers].flatMap(({ running }) => [...running]);
  }

  /** Attempts in a slot that wait for others that wait or run here. */
  #awaiting(): number {
    const running = this.#runningKeys();
    if (running.length === 0) return 0;
    return this.#running.awaitedBy([...running, ...this.#waiters.map(({ key }) => key)], running).length;
  }

  #wanted(atMs: number): number {
    const policy = this.#policy;
    if (policy === undefined) return 0;
    const attempts = this.#runningKeys().length + this.#waiters.length;
    if (attempts === 0 && atMs - this.lastUsedAt >= policy.idleTtlMs) return 0;
    return wantedReplicas(policy, Math.max(attempts, this.#target), this.#awaiting());
  }

  #scaledDown(idle: readonly PooledWorker[], policy: ReusePolicy, atMs: number): readonly PooledWorker[] {
    const isInUse = this.#runningKeys().length + this.#waiters.length > 0;
    if (!isInUse && atMs - this.lastUsedAt >= policy.idleTtlMs) {
      this.#target = 0;
      return idle;
    }
    const most = mostReplicas(policy, this.#awaiting());
    const all = this.#usable(atMs).length;
    const oldestFirst = idle.toSorted((a, b) => a.lastUsedAt - b.lastUsedAt);
    const above = oldestFirst.slice(0, Math.max(0, all - policy.minReplicas));
    const over = above.filter(
      (pooled, index) => index < all - most || atMs - pooled.lastUsedAt >= policy.scaledownTtlMs,
    );
    if (over.length > 0) this.#target = 0;
    return over;
  }

  /** Those for whom no worker is being made or will be free start cold. */
  #giveUpStuck(): void {
    const starting = this.#starting().length;
    const excess =
      this.#policy === undefined
        ? this.#waiters.splice(starting)
        : starting === 0 && this.#awaiting() === this.#runningKeys().length
          ? this.#waiters.splice(0)
          : [];
    this.#startCold(excess);
  }

  #startCold(waiters: readonly Waiter[]): void {
    this.misses += waiters.length;
    for (const { resolve } of waiters) resolve(undefined);
  }

  #reason(atMs: number): string {
    const { concurrency } = this.plan;
    const most = this.#policy === undefined ? 0 : mostReplicas(this.#policy, this.#awaiting());
    const slots = `${most} ${most === 1 ? "worker" : "workers"} × ${concurrency} at a time`;
    const usable = this.#usable(atMs).length;
    if (usable < most || this.#starting().length > 0)
      return `waiting for a worker to start (${usable} of ${most})`;
    return `waiting for a free worker: ${this.#runningKeys().length} attempts run (reuse policy: ${slots}), ${this.#waiters.length} wait`;
  }
}
