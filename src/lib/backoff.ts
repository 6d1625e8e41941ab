/** Waits that grow from attempt to attempt. */
import { backoffMs, type Backoff } from "../domain/backoff.ts";
import type { Clock } from "./clock.ts";

export interface BackoffWait {
  /** The next wait, in milliseconds. */
  readonly nextMs: number;
  /** Waits; rejects with the signal's reason when that aborts. */
  wait(signal?: AbortSignal): Promise<void>;
  /** Starts again with the first wait. */
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
