/** Waiting longer from try to try. */

/** Delay before the n-th retry, counted from 0: min(baseMs * factor^n, capMs). */
export interface Backoff {
  readonly baseMs: number;
  readonly factor: number;
  readonly capMs?: number;
}

/** Of a factor above 1 without a cap, the delay would pass every number. */
const LONGEST_MS = 365 * 24 * 60 * 60_000;

/** Milliseconds, whole. */
export function backoffMs({ baseMs, factor, capMs = LONGEST_MS }: Backoff, n: number): number {
  return Math.min(Math.round(baseMs * factor ** n), capMs);
}
