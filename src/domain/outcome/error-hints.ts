/**
 * What to do about an error: one that the task's runtime wrote, or the exception at the end of the log of a program that
 * wrote nothing. The first row that applies gives the hint; without one the error stands for itself.
 */
import { shorten } from "../text.ts";
import type { Facts } from "./facts.ts";
import type { ErrorText, HintRow } from "./hint-row.ts";
import { INPUT_HINTS } from "./input-hints.ts";
import { LOADING_HINTS } from "./loading-hints.ts";
import { PROCESS_HINTS } from "./process-hints.ts";

export const ERROR_HINTS: readonly HintRow[] = [...PROCESS_HINTS, ...INPUT_HINTS, ...LOADING_HINTS];

/** Of a message, its head and tail: patterns would need minutes for a megabyte that is made to match them nearly. */
const READ_CHARS = 4_096;

export function hintFor(error: ErrorText, facts: Facts): string | undefined {
  const read = { ...error, message: shorten(error.message, READ_CHARS) };
  for (const { hint } of ERROR_HINTS) {
    const found = hint(read, facts);
    if (found !== undefined) return found;
  }
  return undefined;
}
