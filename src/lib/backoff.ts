/** Waiting longer from try to try. */
import { setTimeout as delay } from "node:timers/promises";

export interface Backoff {
  /** Waits; rejects when the signal aborts. */
  wait(signal: AbortSignal): Promise<void>;
  reset(): void;
}

export function createBackoff(firstMs: number, longestMs: number): Backoff {
  let nextMs = firstMs;
  return {
    wait: async (signal) => {
      const ms = nextMs;
      nextMs = Math.min(nextMs * 2, longestMs);
      await delay(ms, undefined, { signal });
    },
    reset: () => {
      nextMs = firstMs;
    },
  };
}
