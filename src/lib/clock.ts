/** Time as an argument: to tell it, to wait for it. Tests step one of their own and never sleep. */
import { setTimeout as delay } from "node:timers/promises";

export interface Clock {
  /**
   * Milliseconds since the epoch, whole. Inside a process it never goes back, so what was put off until a
   * time comes no later because somebody set the machine's clock; that it was set forward counts as time
   * that has passed, as it does for a laptop that slept.
   */
  now(): number;
  /** Waits. Rejects with the signal's reason when that aborts. Without `ref` it keeps no process alive. */
  sleep(
    ms: number,
    options?: { readonly signal?: AbortSignal | undefined; readonly ref?: boolean },
  ): Promise<void>;
  /** Calls back once, after so many milliseconds, however many; never before `timer` has returned. */
  timer(ms: number, strike: () => void): Timer;
}

export interface Timer {
  /** A timer that has struck, or was cancelled, stays so. */
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
  timer: (ms, strike) => {
    let timeout: NodeJS.Timeout;
    const wait = (left: number) => {
      timeout = setTimeout(
        () => (left > LONGEST_TIMEOUT_MS ? wait(left - LONGEST_TIMEOUT_MS) : strike()),
        Math.min(Math.max(0, left), LONGEST_TIMEOUT_MS),
      );
    };
    wait(ms);
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** The machine's clock where that goes forward, and steady time from there where it goes back. */
export function neverBack(wall: () => number, monotonic: () => number): () => number {
  let offset = Number.NEGATIVE_INFINITY;
  return () => {
    const steady = monotonic();
    offset = Math.max(offset, wall() - steady);
    return Math.floor(steady + offset);
  };
}
