/** Workers that are being made. Each is one of its pool from the beginning, and ends where it does not get ready. */
import { messageOf } from "../../domain/errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { orAborted, within } from "../../lib/wait.ts";
import type { Ending } from "./ending.ts";
import type { Pool } from "./pool.ts";
import { LONGEST_START_MS } from "./pool-rules.ts";
import { newWorker, type PooledWorker } from "./pooled-worker.ts";
import type { Worker, WorkerMaker } from "./worker.ts";

export interface CreationsOptions {
  readonly maker: WorkerMaker;
  readonly ending: Ending;
  /** Before a worker is made that an attempt waits for. */
  readonly giveWay: () => Promise<void>;
  /** One is ready. */
  readonly onReady: (pool: Pool, pooled: PooledWorker, worker: Worker) => void;
  /** A creation is over, however that went. */
  readonly onOver: (pool: Pool) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long the end of the server waits for containers of workers that are not wanted any more. */
const CLOSE_MS = 5_000;

export class Creations {
  readonly #options: CreationsOptions;
  readonly #creations = new Set<Promise<void>>();
  /** Those whose worker is not wanted any more. */
  readonly #abandoned = new Set<Promise<void>>();

  constructor(options: CreationsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#creations.size;
  }

  begin(pool: Pool): void {
    const { clock, onOver } = this.#options;
    const pooled = newWorker(pool.plan, clock.now());
    pool.workers.add(pooled);
    const creation = this.#make(pool, pooled).finally(() => {
      this.#creations.delete(creation);
      onOver(pool);
    });
    this.#creations.add(creation);
  }

  /** Resolves when all are over. */
  async done(): Promise<void> {
    await Promise.all(this.#creations);
    await within(Promise.all(this.#abandoned), CLOSE_MS, this.#options.clock);
  }

  async #make(pool: Pool, pooled: PooledWorker): Promise<void> {
    const { onReady, clock, log } = this.#options;
    const making = this.#start(pool);
    const { signal } = pooled.creation;
    try {
      const worker = await orAborted(within(this.#ready(pool, making), LONGEST_START_MS, clock), signal);
      if (worker === undefined) throw new Error(`it was not ready after ${LONGEST_START_MS / 1000} s`);
      pool.created();
      onReady(pool, pooled, worker);
    } catch (error) {
      pool.workers.delete(pooled);
      this.#abandon(pooled, making);
      if (signal.aborted) return;
      const level = pool.failures.count === 0 ? "warn" : "debug";
      log[level]("a worker could not be made: attempts start cold", { pool: pool.plan.pool, error });
      pool.failed(messageOf(error), clock.now());
    }
  }

  async #start({ plan, waiting }: Pool): Promise<Worker> {
    const { maker, giveWay } = this.#options;
    if (waiting > 0) await giveWay();
    return await maker.make(plan);
  }

  async #ready({ plan }: Pool, making: Promise<Worker>): Promise<Worker> {
    const worker = await making;
    const { mode, runtime, sdk, preloaded, leftOut } = await worker.ready;
    if (mode !== plan.mode) throw new Error(`it is a worker of mode ${mode}, not ${plan.mode}`);
    const facts = { worker: worker.name, runtime, sdk, preloaded, leftOut };
    this.#options.log.debug("a worker is ready", facts);
    return worker;
  }

  /** Ends a worker that did not get ready, also where its container is there only later. */
  #abandon(pooled: PooledWorker, making: Promise<Worker>): void {
    const abandoned = making
      .then(
        (worker) => {
          pooled.worker = worker;
          this.#options.ending.add(pooled);
        },
        // There is no container: its maker has removed what it had made.
        () => {},
      )
      .finally(() => this.#abandoned.delete(abandoned));
    this.#abandoned.add(abandoned);
  }
}
