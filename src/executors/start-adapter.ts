/**
 * Makes unmodified images run. An executor asks it once the image is where attempts run, before it makes anything of it. What
 * comes back is an ordinary specification: an executor on a cluster carries its mounts out by an init container.
 */
import type { Adaptation } from "../domain/adaptation.ts";
import type { AttemptStart } from "../domain/attempt-start.ts";
import type { MountOptions } from "./attempt-options.ts";
import type { WorkerMode } from "../domain/warm-start.ts";
import type { AttemptSpec } from "./executor.ts";
import type { WorkerProgram } from "./workers/worker.ts";

export interface AdaptedAttempt {
  /** To be started instead. */
  readonly spec: AttemptSpec;
  readonly start: AttemptStart;
  /** How a worker that takes it is started. */
  readonly worker: WorkerStart | NoWorker;
}

export interface WorkerStart {
  readonly language: WorkerProgram["language"];
  /** All words from the interpreter on. */
  words(mode: WorkerMode): readonly string[];
  /** Whether they replace the ENTRYPOINT. */
  readonly replacesEntrypoint: boolean;
  /** Beyond those of the attempt. */
  readonly mounts: WorkerProgram["mounts"];
  /** What the order has as arguments. */
  readonly args: readonly string[];
}

/** No worker can take the attempt; `cold` says why, for people. */
export interface NoWorker {
  readonly cold: string;
}

/** The code of a task, brought into its container. */
export interface PlacedCode {
  /** To be added to those of the attempt. */
  readonly options: Pick<MountOptions, "archives" | "readOnlyMounts">;
  readonly adaptation: Extract<Adaptation, { readonly kind: "code" }>;
}

export interface AdaptOptions {
  readonly signal: AbortSignal;
  /** What takes time, for whoever waits for the start; called at most a few times. */
  readonly onProgress?: (message: string) => void;
}

export interface StartAdapter {
  /**
   * Throws IMAGE_CANNOT_RUN where no task can run in the image, with what was found, and ENGINE_* where the engine fails. What
   * is only doubtful is left to the start. Undefined where the image has to be pulled first.
   */
  adapt(spec: AttemptSpec, options: AdaptOptions): Promise<AdaptedAttempt | undefined>;
}
