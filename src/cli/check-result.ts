/** One finding of `boxkite doctor`. */
import type { Advice } from "../platform/platform.ts";

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly text: string;
  readonly hint?: string | undefined;
  /** What will not work although the rest does. */
  readonly advice?: readonly Advice[];
}
