/**
 * When workers are made ahead and when they end.
 *
 * - one_shot: none before the first child of a plan in a run, unless attempts of it are expected. From then on one is ready; each
 *   child that finds none raises that by one, up to the number of processors. So a plan that is used once costs one
 *   worker that nothing runs in, at most. None is made while attempts compute on all processors. With a single one that first raise
 *   comes with the second such child. For the root of the next run there is one, from when a run of the same plan has ended.
 * - fork: the same, but workers that run an attempt count: there are as many as attempts ran at once, up to the number of processors.
 * - resident: what the policy says, by the attempts that run and wait.
 */
import type { ReusePolicy } from "../../domain/reuse-policy.ts";
import type { ResourceAmounts } from "../../domain/task.ts";
import type { WorkerMode } from "../../domain/warm-start.ts";
import type { WorkerPlan } from "./worker.ts";

export interface PoolLimits {
  /** Bytes that idle workers may have in use together. */
  readonly idleMemoryBytes: number;
  /** How many idle workers there may be. */
  readonly idleWorkers: number;
  /** What attempts and workers share; what is not named is not counted. */
  readonly capacity: ResourceAmounts;
  /** Bytes: with less memory available on the machine, idle workers end and none are made ahead. */
  readonly lowMemoryBytes: number;
}

const LOW_MEMORY_SHARE = 0.1;

/** `capacity`: of the machine; what an engine reports as 0 is not known. */
export function poolLimits(
  { cpu = 0, memoryBytes = 0, gpu }: ResourceAmounts,
  budget: { readonly memoryBytes: number; readonly workers: number },
): PoolLimits {
  return {
    idleMemoryBytes: budget.memoryBytes,
    idleWorkers: budget.workers,
    capacity: {
      ...(cpu > 0 && { cpu }),
      ...(memoryBytes > 0 && { memoryBytes }),
      ...(gpu !== undefined && { gpu }),
    },
    lowMemoryBytes: memoryBytes * LOW_MEMORY_SHARE,
  };
}

/** Bytes of a worker whose use is not known: an interpreter with flyte, 51 MB in the trial. */
const ASSUMED_BYTES = 64 * 1024 * 1024;

export function assumedBytes({ mode, container }: WorkerPlan): number {
  const requested = mode === "resident" ? container.requests.memoryBytes : undefined;
  return requested ?? ASSUMED_BYTES;
}

/** How long a worker may be used; what is past one of them takes no further attempt. */
export const WEAR: Readonly<Record<WorkerMode, { readonly uses: number; readonly ageMs: number }>> = {
  one_shot: { uses: 1, ageMs: Infinity },
  fork: { uses: 1_000, ageMs: 60 * 60_000 },
  // Its state is what it is for: a model that is loaded again once a day.
  resident: { uses: 100_000, ageMs: 24 * 60 * 60_000 },
};

/** Milliseconds without use after which a worker ends: of one run, and such that any run of the project may use. */
const RUN_IDLE_MS = 60_000;
const SHARED_IDLE_MS = 10 * 60_000;

export function idleMs({ run, mode, container }: WorkerPlan): number {
  if (mode === "resident" && container.reuse !== undefined) return container.reuse.idleTtlMs;
  return run === undefined ? SHARED_IDLE_MS : RUN_IDLE_MS;
}

/** Whether its workers are for runs that are not there yet, of which each takes one. */
export function isForNextRun({ mode, run }: Pick<WorkerPlan, "mode" | "run">): boolean {
  return mode === "one_shot" && run === undefined;
}

/** Of a resident pool: `attempts` run or wait, of which `awaiting` wait for others of the same pool. */
export function wantedReplicas(
  policy: Pick<ReusePolicy, "minReplicas" | "maxReplicas" | "concurrency">,
  attempts: number,
  awaiting: number,
): number {
  const needed = Math.ceil(attempts / policy.concurrency);
  return Math.min(Math.max(needed, policy.minReplicas), mostReplicas(policy, awaiting));
}

/**
 * The slot of an attempt that waits for others of its pool does not count, or a pool full of parents would wait for ever: with
 * n such slots there are always more than n.
 */
export function mostReplicas(
  { maxReplicas, concurrency }: Pick<ReusePolicy, "maxReplicas" | "concurrency">,
  awaiting: number,
): number {
  return Math.max(1, maxReplicas) + Math.ceil(awaiting / concurrency);
}

/**
 * Creations at the same time. Each takes half a second of a processor, so only one at a time takes part while attempts
 * have all processors.
 */
export function mostCreations(processors: number, computing: number): number {
  return computing >= processors ? 1 : Math.max(1, Math.floor(processors / 2));
}

/**
 * Whether attempts compute on so many of the processors that a worker which is made ahead would take its time from them: no whole
 * one is idle. `processors` is undefined where the engine does not say.
 */
export function processorsAreTaken(processors: number | undefined, computing: number): boolean {
  return processors !== undefined && computing > 0 && processors - computing < 1;
}

/** Whether a worker that nothing runs in is too dear; undefined: the engine does not say how many there are. */
export function isSingle(processors: number | undefined): boolean {
  return processors !== undefined && processors < 2;
}

/** After a creation that failed. */
export const CREATION_BACKOFF = { baseMs: 1_000, factor: 2, capMs: 5 * 60_000 };
/** From the request to the engine until a worker is ready. */
export const LONGEST_START_MS = 60_000;
/** How long an attempt without a policy waits for a worker that is being made: several times as long as a cold start takes. */
export const LONGEST_WAIT_MS = 3_000;
/** How long an attempt waits until idle workers have ended that hold what it needs. */
export const GIVE_WAY_MS = 2_000;
/** A worker that was idle for less does not end for another pool. */
export const SHORTEST_IDLE_MS = 5_000;
