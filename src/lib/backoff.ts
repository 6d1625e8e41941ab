/** Waits longer from try to try. */
import { backoffMs, type Backoff } from "../domain/backoff.ts";
import type { Clock } from "./clock.ts";

export interface BackoffWait {
  /** Milliseconds of the wait that comes next. */
  readonly nextMs: number;
  /** Waits; rejects with the signal's reason when that aborts. */
  wait(signal?: AbortSignal): Promise<void>;
  /** The next wait is the first again. */
  reset(): void;
}

export function createBackoff(backoff: Backoff, clock: Clock): BackoffWait {
  let tries = 0;
  return {
    get nextMs() {
      return backoffMs(backoff, tries);
    },
    wait: (signal) => clock.sleep(backoffMs(backoff, tries++), { signal }),
    reset: () => {
      tries = 0;
    },
  };
}
