/**
 * What to do about an error: one that the task's runtime wrote, or the exception at the end of the log of a program that
 * wrote nothing. The first row that applies gives the hint; without one the error stands for itself.
 */
import type { Facts } from "./facts.ts";
import type { ErrorText, HintRow } from "./hint-row.ts";
import { INPUT_HINTS } from "./input-hints.ts";
import { LOADING_HINTS } from "./loading-hints.ts";
import { PROCESS_HINTS } from "./process-hints.ts";

export const ERROR_HINTS: readonly HintRow[] = [...PROCESS_HINTS, ...INPUT_HINTS, ...LOADING_HINTS];

export function hintFor(error: ErrorText, facts: Facts): string | undefined {
  for (const { hint } of ERROR_HINTS) {
    const found = hint(error, facts);
    if (found !== undefined) return found;
  }
  return undefined;
}
