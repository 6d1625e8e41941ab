/** Time as an argument: reading it, and waiting for it. Tests step a clock of their own and never sleep. */
import { setTimeout as delay } from "node:timers/promises";

export interface Clock {
  /**
   * Whole milliseconds since the epoch. Inside a process it never goes back, so nothing is delayed when the
   * machine's clock is set back. When that is set forward, the time counts as passed, as after a suspend.
   */
  now(): number;
  /** Waits. Rejects with the signal's reason when that aborts. With `ref: false` it does not keep the process alive. */
  sleep(
    ms: number,
    options?: { readonly signal?: AbortSignal | undefined; readonly ref?: boolean },
  ): Promise<void>;
  /** Calls `onExpiry` once after the delay, of any length; never before `timer` has returned. */
  timer(ms: number, onExpiry: () => void): Timer;
}

export interface Timer {
  /** Has no effect on a timer that has expired or was cancelled. */
  cancel(): void;
}

/** setTimeout overflows beyond this many milliseconds. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: neverBack(Date.now, () => performance.now()),
  sleep: async (ms, { signal, ref = true } = {}) => {
    signal?.throwIfAborted();
    for (let left = ms; left > 0; left -= LONGEST_TIMEOUT_MS) {
      await delay(Math.min(left, LONGEST_TIMEOUT_MS), undefined, { ref, ...(signal && { signal }) }).catch(
        (error: unknown) => {
          throw signal?.aborted === true ? signal.reason : error;
        },
      );
    }
  },
  timer: (ms, onExpiry) => {
    let timeout: NodeJS.Timeout;
    const wait = (left: number) => {
      timeout = setTimeout(
        () => (left > LONGEST_TIMEOUT_MS ? wait(left - LONGEST_TIMEOUT_MS) : onExpiry()),
        Math.min(Math.max(0, left), LONGEST_TIMEOUT_MS),
      );
    };
    wait(ms);
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** Follows the machine's clock when that goes forward, and the monotonic clock when it goes back. */
export function neverBack(wall: () => number, monotonic: () => number): () => number {
  let offset = Number.NEGATIVE_INFINITY;
  return () => {
    const steady = monotonic();
    offset = Math.max(offset, wall() - steady);
    return Math.floor(steady + offset);
  };
}
