/** Work in passes: requested from many places, done by one pass at a time. Requests during a pass share the next one. */
import type { Clock, Timer } from "./clock.ts";

export interface PassesOptions {
  readonly pass: () => Promise<void>;
  /** Of a pass that failed. */
  readonly onFailure: (error: unknown) => void;
  /** From a failure to the next pass, unless one is requested before. */
  readonly retryMs: number;
  readonly clock: Clock;
}

export interface Passes {
  request(): void;
  /** After this delay; replaces what was requested so before. */
  requestIn(ms: number): void;
  readonly isBusy: boolean;
  readonly isStopped: boolean;
  /** Resolves when the pass in progress and those requested meanwhile are over. */
  readonly current: Promise<void>;
  /** No pass begins any more. Resolves as `current` does. */
  stop(): Promise<void>;
}

export function createPasses({ pass, onFailure, retryMs, clock }: PassesOptions): Passes {
  let isWanted = false;
  let isBusy = false;
  let isStopped = false;
  let current: Promise<void> = Promise.resolve();
  let timer: Timer | undefined;

  const request = () => {
    isWanted = true;
    if (isBusy || isStopped) return;
    isBusy = true;
    current = run();
  };

  const run = async () => {
    while (isWanted && !isStopped) {
      isWanted = false;
      try {
        await pass();
      } catch (error) {
        onFailure(error);
        requestIn(retryMs);
      }
    }
    isBusy = false;
  };

  const requestIn = (ms: number) => {
    timer?.cancel();
    if (!isStopped) timer = clock.timer(ms, request);
  };

  return {
    request,
    requestIn,
    get isBusy() {
      return isBusy;
    },
    get isStopped() {
      return isStopped;
    },
    get current() {
      return current;
    },
    stop: () => {
      isStopped = true;
      timer?.cancel();
      return current;
    },
  };
}
