/** What the check of an image needs from an executor. */
import type { Mount } from "./runtime-start.ts";

/** A program for the image's interpreter: without network, secrets and privileges, as the image's own user. */
export interface ImageProgram {
  /** What follows the interpreter. */
  readonly arguments: readonly string[];
  readonly mounts: readonly Mount[];
  readonly timeoutMs: number;
  /** What is printed beyond it is dropped, of each stream. */
  readonly maxOutputBytes: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ImageProgramEnd {
  /** Undefined where it was ended because its time was up. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Throws where the engine or the image cannot run anything at all. */
export type RunInImage = (program: ImageProgram) => Promise<ImageProgramEnd>;
