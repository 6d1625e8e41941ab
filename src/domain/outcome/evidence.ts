/** What is known of an attempt that has ended: `judge` decides from nothing else. */
import type { ActionError } from "../action.ts";
import type { AttemptExit } from "../attempt.ts";
import type { StorageCode } from "../errors.ts";
import type { ResolvedImage } from "../image.ts";

/** What the task's runtime wrote under the attempt's output prefix. */
export type Written =
  | { readonly kind: "outputs" }
  /** `whileLoading`: the runtime could not even begin the task. */
  | { readonly kind: "error"; readonly error: ActionError; readonly whileLoading: boolean }
  /** The disk lost what it wrote. */
  | { readonly kind: "damaged"; readonly message: string; readonly hint?: string | undefined }
  | { readonly kind: "nothing" };

/** What the attempt was to run. */
export interface Program {
  readonly language: "python" | "typescript" | undefined;
  /** How its code gets there: sent with the run, sent as a pickle of the task, or as part of the image. */
  readonly code: "sent" | "pickled" | "baked";
  /** The first argument, such as `a0`. */
  readonly command: string | undefined;
  /** The module and the name in it that the runtime loads, where its arguments name them. */
  readonly module: string | undefined;
  readonly entity: string | undefined;
  /** Names of the inputs in the interface that the run was made with. */
  readonly inputs: readonly string[];
  readonly memoryLimitBytes: number | undefined;
}

export interface Evidence {
  readonly written: Written;
  readonly exit: AttemptExit;
  /** What the attempt ran; without an image (`source: "host"`) it was a process of this machine. */
  readonly image: Pick<ResolvedImage, "reference" | "source">;
  readonly program: Program;
  /** The runtime asked the server for the inputs, or began in another way; undefined: not known. */
  readonly hasBegun: boolean | undefined;
  /** The last lines of its own output, the oldest first. */
  readonly log: readonly string[];
  /** Why the server has refused an upload of this attempt, and took no later one of it. */
  readonly uploadRefused: StorageCode | undefined;
}
