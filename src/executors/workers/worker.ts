/**
 * A worker: a container that waits for attempts with their runtime loaded. What an executor needs to know of one, whatever
 * runs it.
 */
import type { WorkerMode } from "../../domain/warm-start.ts";
import type { AttemptKey } from "../../domain/attempt.ts";
import type { AttemptSpec } from "../executor.ts";
import type { PoolState } from "./pool-state.ts";
import type { Order, Report } from "./protocol.ts";

/** How the program of a worker is started in an image. */
export interface WorkerProgram {
  readonly language: "python" | "typescript";
  /** All words behind the ENTRYPOINT, from the interpreter on. */
  readonly args: readonly string[];
  /** What must be mounted for it. */
  readonly mounts: readonly { readonly source: string; readonly target: string }[];
}

/** From which workers are made that are alike. */
export interface WorkerPlan {
  /** A hash of all that follows: attempts of the same plan may use the same workers. */
  readonly pool: string;
  readonly mode: WorkerMode;
  readonly program: WorkerProgram;
  /** Of the container: image, limits, mounts, user, network, and the variables that all its attempts have. */
  readonly container: AttemptSpec;
  /** Undefined: attempts of any run of the project and domain. */
  readonly run: string | undefined;
  /** Attempts at the same time. */
  readonly concurrency: number;
}

/** How the container of a worker ended. */
export interface WorkerEnd {
  readonly exitCode: number | undefined;
  readonly outOfMemory: boolean;
  readonly message: string;
}

export interface Worker {
  /** The name of its container. */
  readonly name: string;
  readonly plan: WorkerPlan;
  /** On this machine; see protocol.ts. */
  readonly directory: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Resolves when its container is over, however that happened. */
  readonly ended: Promise<WorkerEnd>;
  /** What the first line of its connection said. Rejects where it never got ready. */
  readonly ready: Promise<Report & { readonly event: "ready" }>;
  /** Throws ENGINE_UNREACHABLE where the worker cannot be reached now. */
  send(order: Order): Promise<void>;
  /** Calls back for each report from now on. Returns a function that stops that. */
  onReport(listener: (report: Report) => void): () => void;
  /** Ends its container and removes what it left. Idempotent. */
  remove(): Promise<void>;
}

/** Makes workers. */
export interface WorkerMaker {
  /** Resolves once its container runs; it may not be ready yet. Throws what the engine says. */
  make(plan: WorkerPlan): Promise<Worker>;
}

/** Workers that are kept ready. */
export interface WorkerPools {
  /**
   * A worker that is ready and has a free slot, which is the attempt's from now on. Undefined: none is worth waiting for, so the
   * attempt gets a container of its own making. Rejects with the signal's reason when that aborts.
   */
  take(plan: WorkerPlan, attempt: WaitingAttempt): Promise<TakenWorker | undefined>;
  states(): readonly PoolState[];
  /** Makes no more workers, and ends those that no attempt has. */
  close(): Promise<void>;
}

export interface WaitingAttempt {
  readonly key: AttemptKey;
  readonly signal: AbortSignal;
  /** Why it has no worker yet. May be called often. */
  waiting(reason: string): void;
}

export interface TakenWorker {
  readonly worker: Worker;
  /** How many attempts the worker had taken before. */
  readonly earlierAttempts: number;
}
