/** The smallest pools: of each plan that was asked for once, one worker is kept ready. */
import { messageOf } from "../../domain/errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { within } from "../../lib/wait.ts";
import type { PoolState } from "./pool-state.ts";
import type { TakenWorker, Worker, WorkerMaker, WorkerPlan, WorkerPools } from "./worker.ts";

export interface SpareWorkersOptions {
  readonly maker: WorkerMaker;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Pool {
  readonly plan: WorkerPlan;
  ready: Worker | undefined;
  making: Promise<void> | undefined;
  hits: number;
  misses: number;
  lastUsedAt: number | undefined;
}

const LONGEST_START_MS = 60_000;
/** A worker that nobody has asked for ends. */
const IDLE_MS = 60_000;

export function createSpareWorkers({ maker, clock, log }: SpareWorkersOptions): WorkerPools {
  const pools = new Map<string, Pool>();
  let isClosed = false;

  const poolOf = (plan: WorkerPlan): Pool => {
    const known = pools.get(plan.pool);
    if (known !== undefined) return known;
    const pool = { plan, ready: undefined, making: undefined, hits: 0, misses: 0, lastUsedAt: undefined };
    pools.set(plan.pool, pool);
    return pool;
  };

  const make = async (pool: Pool): Promise<void> => {
    const worker = await maker.make(pool.plan);
    const isReady = await within(
      worker.ready.then(
        () => true,
        () => false,
      ),
      LONGEST_START_MS,
      clock,
    );
    if (isReady !== true || isClosed) return await worker.remove();
    pool.ready = worker;
    const idle = clock.timer(IDLE_MS, () => end(pool, worker));
    void worker.ended.then(() => {
      idle.cancel();
      end(pool, worker);
    });
  };

  /** Unless an attempt has it. */
  const end = (pool: Pool, worker: Worker) => {
    if (pool.ready !== worker) return;
    pool.ready = undefined;
    worker
      .remove()
      .catch((error: unknown) => log.warn("a worker could not be removed", { worker: worker.name, error }));
  };

  const request = (pool: Pool) => {
    if (isClosed || pool.ready !== undefined || pool.making !== undefined) return;
    pool.making = make(pool)
      .catch((error: unknown) =>
        log.warn("a worker could not be made", { pool: pool.plan.pool, reason: messageOf(error) }),
      )
      .finally(() => (pool.making = undefined));
  };

  const take = (plan: WorkerPlan): TakenWorker | undefined => {
    const pool = poolOf(plan);
    const { ready: worker } = pool;
    pool.ready = undefined;
    pool.lastUsedAt = clock.now();
    if (worker === undefined) pool.misses++;
    else pool.hits++;
    request(pool);
    return worker && { worker, earlierAttempts: 0 };
  };

  return {
    begin: () => {},
    take: async (plan) => take(plan),
    adopt: (_, worker) => ({ worker, earlierAttempts: 0 }),
    giveWay: async () => {},
    end: () => {},
    release: () => {},
    retire: () => {},
    runEnded: () => {},
    expect: (plans) => plans.forEach((plan) => request(poolOf(plan))),
    states: () => [...pools.values()].map(stateOf),
    close: async () => {
      isClosed = true;
      await Promise.all([...pools.values()].map(({ making }) => making));
      await Promise.all([...pools.values()].map(({ ready }) => ready?.remove()));
    },
  };
}

function stateOf({ plan, ready, making, hits, misses, lastUsedAt }: Pool): PoolState {
  const { project, domain } = plan.container.key;
  return {
    pool: plan.pool,
    mode: plan.mode,
    image: plan.container.image.reference,
    scope: [project, domain, ...(plan.run === undefined ? [] : [plan.run])].join("/"),
    starting: making === undefined ? 0 : 1,
    idle: ready === undefined ? 0 : 1,
    busy: 0,
    memoryBytes: 0,
    hits,
    misses,
    lastUsedAt,
  };
}
