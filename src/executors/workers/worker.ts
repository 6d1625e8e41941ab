/**
 * A worker: a container that waits for attempts with their runtime loaded. What an executor needs to know of one, whatever
 * runs it.
 */
import type { WorkerMode } from "../../domain/warm-start.ts";
import type { AttemptKey } from "../../domain/attempt.ts";
import type { RunKey } from "../../domain/ids.ts";
import type { AttemptSpec } from "../executor.ts";
import type { PoolState } from "../../domain/pool-state.ts";
import type { Order, Report } from "../../domain/worker-protocol.ts";

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
  /** On this machine; see domain/worker-protocol.ts. */
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

/** Workers that are kept ready, and the attempts that run in them. */
export interface WorkerPools {
  /** An attempt is about to start, warm or cold. Again for one that is taken up. */
  begin(attempt: PooledAttemptSpec): void;
  /**
   * A worker that is ready and has a free slot, which is the attempt's from now on. Undefined: none is worth waiting for, so the
   * attempt gets a container of its own making. Rejects with the signal's reason when that aborts.
   */
  take(plan: WorkerPlan, attempt: WaitingAttempt): Promise<TakenWorker | undefined>;
  /** The slot of an attempt that an earlier server has started in this worker. */
  adopt(plan: WorkerPlan, worker: Worker, key: AttemptKey): TakenWorker;
  /**
   * Before an attempt starts cold: resolves when the idle workers have ended that hold what attempts have requested, after 2 s at
   * the latest.
   */
  giveWay(): Promise<void>;
  /** The attempt is over, warm or cold: another one may have its slot. Idempotent. */
  end(key: AttemptKey): void;
  /** The files of the attempt in its worker's directory are not needed any more. Idempotent. */
  release(key: AttemptKey): void;
  /** Whether a pool has the worker of this name, and ends it in the end. */
  holds(name: string): boolean;
  /** The worker takes no further attempts, and ends after those that it has. */
  retire(worker: Worker, reason: string): void;
  /** Attempts of these plans will be asked for soon. */
  expect(plans: readonly WorkerPlan[]): void;
  /** Nothing is kept for attempts of this run. */
  runEnded(run: RunKey): void;
  states(): readonly PoolState[];
  /** Makes no more workers, and ends those that no attempt has. The others go on, and can be taken up again. */
  close(): Promise<void>;
}

export type PooledAttemptSpec = Pick<AttemptSpec, "key" | "requests" | "parent">;

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
