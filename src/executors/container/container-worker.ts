/** A worker that is a container, made by this server or taken up from an earlier one. */
import type { EngineApi } from "../../containers/api.ts";
import type { ContainerState } from "../../containers/types.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { once } from "../../lib/once.ts";
import type { Order, Report } from "../../domain/worker-protocol.ts";
import { WorkerSession, type Ready } from "../workers/session.ts";
import type { Worker, WorkerEnd, WorkerPlan } from "../workers/worker.ts";
import type { EndWatch } from "./end-watch.ts";
import { SharedArchives } from "./shared-archives.ts";

export interface ContainerWorkerOptions {
  readonly api: EngineApi;
  readonly clock: Clock;
  readonly log: Logger;
  readonly id: string;
  readonly name: string;
  readonly plan: WorkerPlan;
  readonly directory: string;
  readonly createdAt: number;
  /** Of the container. */
  readonly watch: EndWatch;
  /** The watch was attached before the container was started; if not, its end may have come before the watch. */
  readonly isAttached: boolean;
  readonly remove: () => Promise<void>;
}

/** Pauses between inspections after a wake-up, until the engine reports the end, too; then the next wake-up is awaited. */
const INSPECT_AGAIN_MS = [10, 40, 160, 640];
const TAKEN_OVER: WorkerEnd = {
  exitCode: undefined,
  outOfMemory: false,
  message: "an attempt has its container",
};

export class ContainerWorker implements Worker {
  readonly id: string;
  readonly name: string;
  readonly plan: WorkerPlan;
  readonly directory: string;
  readonly createdAt: number;
  readonly ended: Promise<WorkerEnd>;
  readonly ready: Promise<Ready>;
  readonly remove: () => Promise<void>;
  readonly archives: SharedArchives;
  readonly #api: EngineApi;
  readonly #watch: EndWatch;
  readonly #session: WorkerSession;
  readonly #watching = new AbortController();
  #isTakenOver = false;

  constructor(options: ContainerWorkerOptions) {
    this.id = options.id;
    this.name = options.name;
    this.plan = options.plan;
    this.directory = options.directory;
    this.createdAt = options.createdAt;
    this.remove = once(options.remove);
    this.#api = options.api;
    this.#watch = options.watch;
    this.#session = new WorkerSession(options.directory, options.clock, options.log);
    this.ready = this.#session.ready;
    this.ended = this.#awaitEnd(options.isAttached, this.#watching.signal).catch(() => TAKEN_OVER);
    this.archives = new SharedArchives(this.ended);
    // One that has ended before it was ready never will be.
    void this.ended.then(() => {
      if (!this.#isTakenOver) this.#session.close();
    });
  }

  async send(order: Order): Promise<void> {
    await this.#session.send(order);
  }

  onReport(listener: (report: Report) => void): () => void {
    return this.#session.onReport(listener);
  }

  /** An attempt watches the container from now on, by what is returned; `ended` resolves. */
  takeOver(): EndWatch {
    this.#isTakenOver = true;
    this.#watching.abort();
    // What was noticed last may have been taken already.
    this.#watch.wakeup.notify("check");
    return this.#watch;
  }

  /** The session is over: the worker has begun its only attempt, or is removed. */
  close(): void {
    this.#session.close();
    this.#watching.abort();
    if (!this.#isTakenOver) this.#watch.close();
  }

  async #awaitEnd(isAttached: boolean, signal: AbortSignal): Promise<WorkerEnd> {
    for (let inspections = isAttached ? INSPECT_AGAIN_MS.length : 0; ; inspections++) {
      if ((await this.#watch.wakeup.next(signal, INSPECT_AGAIN_MS[inspections])) === "ended")
        inspections = -1;
      const state = await stateOrRemoved(this.#api, this.id).catch(() => "unknown" as const);
      signal.throwIfAborted();
      if (state === "unknown") continue;
      if (state?.running === true || state?.status === "initialized") continue;
      this.#watch.close();
      if (state === undefined)
        return { exitCode: undefined, outOfMemory: false, message: "its container was removed" };
      const { exitCode, oomKilled } = state;
      return { exitCode, outOfMemory: oomKilled, message: `its process ended with exit code ${exitCode}` };
    }
  }
}

/**
 * Undefined: nothing of it runs any more. A container that cannot be inspected may run all the same (api.ts), so it is removed:
 * what its attempts become is decided next, and none may start beside itself.
 */
export async function stateOrRemoved(
  api: Pick<EngineApi, "inspectContainer" | "removeContainer">,
  container: string,
): Promise<ContainerState | undefined> {
  const state = await api.inspectContainer(container);
  if (state === undefined) await api.removeContainer(container);
  return state;
}
