/**
 * An attempt on a server that keeps workers: it starts in one where one takes it, and cold otherwise. What an earlier server has
 * started goes on where it is; an attempt whose worker never began with it starts cold, once.
 */
import type { After, Created, Ended } from "./attempt-chart.ts";
import type { AttemptWork } from "./attempt-machine.ts";
import type { PooledAttemptSpec, WorkerPools } from "./workers/worker.ts";

/** Nothing is created in a worker, and then prepared and launched. */
export type FoundInWorker<Handle> = Exclude<After<Handle, "finding">, Created<Handle>>;

export interface InWorker<Handle> extends Pick<AttemptWork<Handle>, "watch" | "stop" | "conclude" | "close"> {
  /** Whether it was given a worker, by an earlier server. */
  readonly isAssigned: boolean;
  /** Undefined: that worker has nothing of it any more, and none of its code has run there, or will. */
  takeUp(signal: AbortSignal): Promise<FoundInWorker<Handle> | undefined>;
  /** Undefined: it starts cold, and no worker has anything of it. */
  start(signal: AbortSignal): Promise<FoundInWorker<Handle> | undefined>;
}

/** `find` takes up, or else creates. */
export interface ColdStart<Handle> extends AttemptWork<Handle> {
  /** Undefined where an earlier server has started nothing, and where `create` finds that out. */
  takeUp(signal: AbortSignal): Promise<After<Handle, "finding"> | undefined>;
  create(signal: AbortSignal): Promise<After<Handle, "finding">>;
}

export interface WarmAttemptOptions<Handle> {
  readonly spec: PooledAttemptSpec;
  /** Undefined: no worker is to have it. */
  readonly warm: InWorker<Handle> | undefined;
  readonly cold: ColdStart<Handle>;
  readonly pools: Pick<WorkerPools, "begin" | "end">;
}

export class WarmAttempt<Handle> implements AttemptWork<Handle> {
  readonly #options: WarmAttemptOptions<Handle>;
  /** It has, or had, a container of its own, or will have. */
  #isCold: boolean;

  constructor(options: WarmAttemptOptions<Handle>) {
    this.#options = options;
    this.#isCold = options.warm === undefined;
  }

  async find(signal: AbortSignal): Promise<After<Handle, "finding">> {
    const { spec, pools, cold } = this.#options;
    pools.begin(spec);
    return (
      (await this.#takeUpWarm(signal)) ??
      (await this.#takeUpCold(signal)) ??
      (await this.#startWarm(signal)) ??
      (await cold.create(signal))
    );
  }

  async #takeUpWarm(signal: AbortSignal): Promise<FoundInWorker<Handle> | undefined> {
    const { warm } = this.#options;
    if (this.#isCold || warm?.isAssigned !== true) return undefined;
    const found = await warm.takeUp(signal);
    this.#isCold = found === undefined;
    return found;
  }

  async #takeUpCold(signal: AbortSignal): Promise<After<Handle, "finding"> | undefined> {
    const found = await this.#options.cold.takeUp(signal);
    if (found !== undefined) this.#isCold = true;
    return found;
  }

  async #startWarm(signal: AbortSignal): Promise<FoundInWorker<Handle> | undefined> {
    if (this.#isCold) return undefined;
    const started = await this.#options.warm?.start(signal);
    this.#isCold = started === undefined;
    return started;
  }

  pull(signal: AbortSignal): Promise<After<Handle, "pulling">> {
    return this.#options.cold.pull(signal);
  }

  prepare(handle: Handle, signal: AbortSignal): Promise<After<Handle, "created">> {
    return this.#options.cold.prepare(handle, signal);
  }

  launch(handle: Handle, signal: AbortSignal): Promise<After<Handle, "starting">> {
    return this.#options.cold.launch(handle, signal);
  }

  watch(handle: Handle, signal: AbortSignal): Promise<After<Handle, "running">> {
    return this.#holder.watch(handle, signal);
  }

  stop(handle: Handle, graceMs: number): Promise<void> {
    return this.#holder.stop(handle, graceMs);
  }

  conclude(handle: Handle, stopped: boolean, signal: AbortSignal): Promise<Ended> {
    return this.#holder.conclude(handle, stopped, signal);
  }

  async close(isOver: boolean): Promise<void> {
    const { spec, pools, warm, cold } = this.#options;
    await warm?.close(isOver);
    if (!this.#isCold) return;
    if (isOver) pools.end(spec.key);
    await cold.close(isOver);
  }

  /** Who watches it once it runs. */
  get #holder(): Pick<AttemptWork<Handle>, "watch" | "stop" | "conclude"> {
    const { warm, cold } = this.#options;
    return warm === undefined || this.#isCold ? cold : warm;
  }
}
