/** One case of what to do about an error. */
import type { Facts } from "./facts.ts";

export interface ErrorText {
  /** The class of the exception. */
  readonly code: string;
  readonly message: string;
  /** The runtime could not begin the task: a class alone says something only then. */
  readonly whileLoading: boolean;
}

export interface HintRow {
  readonly name: string;
  /** Undefined where the row does not apply. */
  readonly hint: (error: ErrorText, facts: Facts) => string | undefined;
}

/** How the code of a run is not taken from the image. */
export const SEND_CODE = 'without copy_style="none"';
