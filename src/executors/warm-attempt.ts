/** An attempt that is tried in a worker first, and starts cold where none takes it. */
import type { After, Ended } from "./attempt-chart.ts";
import type { AttemptWork } from "./attempt-machine.ts";

export interface InWorker<Handle> extends Pick<AttemptWork<Handle>, "watch" | "stop" | "conclude" | "close"> {
  /** Undefined: it starts cold. */
  find(signal: AbortSignal): Promise<After<Handle, "finding"> | undefined>;
}

export class WarmAttempt<Warm extends object, Cold extends object> implements AttemptWork<Warm | Cold> {
  readonly #warm: InWorker<Warm>;
  readonly #cold: AttemptWork<Cold>;
  readonly #inWorker = new WeakSet<object>();
  #isCold = false;

  constructor(warm: InWorker<Warm>, cold: AttemptWork<Cold>) {
    this.#warm = warm;
    this.#cold = cold;
  }

  async find(signal: AbortSignal): Promise<After<Warm | Cold, "finding">> {
    if (this.#isCold) return await this.#cold.find(signal);
    const found = await this.#warm.find(signal);
    if (found === undefined) {
      this.#isCold = true;
      return await this.#cold.find(signal);
    }
    if ("handle" in found) this.#inWorker.add(found.handle);
    return found;
  }

  pull(signal: AbortSignal): Promise<After<Cold, "pulling">> {
    return this.#cold.pull(signal);
  }

  prepare(handle: Warm | Cold, signal: AbortSignal): Promise<After<Cold, "created">> {
    return this.#cold.prepare(this.#asCold(handle), signal);
  }

  launch(handle: Warm | Cold, signal: AbortSignal): Promise<After<Cold, "starting">> {
    return this.#cold.launch(this.#asCold(handle), signal);
  }

  watch(handle: Warm | Cold, signal: AbortSignal): Promise<After<Warm | Cold, "running">> {
    return this.#isWarm(handle)
      ? this.#warm.watch(handle, signal)
      : this.#cold.watch(this.#asCold(handle), signal);
  }

  stop(handle: Warm | Cold, graceMs: number): Promise<void> {
    return this.#isWarm(handle)
      ? this.#warm.stop(handle, graceMs)
      : this.#cold.stop(this.#asCold(handle), graceMs);
  }

  conclude(handle: Warm | Cold, stopped: boolean, signal: AbortSignal): Promise<Ended> {
    return this.#isWarm(handle)
      ? this.#warm.conclude(handle, stopped, signal)
      : this.#cold.conclude(this.#asCold(handle), stopped, signal);
  }

  async close(): Promise<void> {
    await this.#warm.close();
    if (this.#isCold) await this.#cold.close();
  }

  #isWarm(handle: Warm | Cold): handle is Warm {
    return this.#inWorker.has(handle);
  }

  #asCold(handle: Warm | Cold): Cold {
    if (this.#isWarm(handle)) throw new Error("an attempt in a worker is not started as a container");
    return handle;
  }
}
