/** A worker as its pool keeps it, from when its creation begins. */
import type { ActionKey } from "../../domain/ids.ts";
import { WEAR } from "./pool-rules.ts";
import type { Worker, WorkerPlan } from "./worker.ts";

export interface PooledWorker {
  readonly plan: WorkerPlan;
  /** Aborted where it is not wanted any more before it is ready. */
  readonly creation: AbortController;
  /** Undefined until it is ready. */
  worker: Worker | undefined;
  /** Attempts that run in it, with their actions. */
  readonly running: Set<ActionKey>;
  /** Attempts that have ended there, and whose files are still needed. */
  unreleased: number;
  uses: number;
  readonly createdAt: number;
  lastUsedAt: number;
  /** Bytes that the engine says; undefined where it does not. */
  measuredBytes: number | undefined;
  /** Takes no further attempt. */
  isClosed: boolean;
}

export function newWorker(plan: WorkerPlan, atMs: number): PooledWorker {
  return {
    plan,
    creation: new AbortController(),
    worker: undefined,
    running: new Set(),
    unreleased: 0,
    uses: 0,
    createdAt: atMs,
    lastUsedAt: atMs,
    measuredBytes: undefined,
    isClosed: false,
  };
}

/** Whether it may take a further attempt, once it is ready. */
export function isUsable(worker: PooledWorker, atMs: number): boolean {
  const wear = WEAR[worker.plan.mode];
  return !worker.isClosed && worker.uses < wear.uses && atMs - worker.createdAt < wear.ageMs;
}

export function isIdle({ worker, running }: PooledWorker): boolean {
  return worker !== undefined && running.size === 0;
}

/** Whether its container can end: nobody needs it or its files. */
export function isFree({ running, unreleased }: PooledWorker): boolean {
  return running.size === 0 && unreleased === 0;
}
