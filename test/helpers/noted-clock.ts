/** A clock that knows which of its waits are under way, and where each of them began. */
import { systemClock, type Clock } from "../../src/lib/clock.ts";

export interface NotedClock extends Clock {
  /** Of those that keep the process alive: for how many milliseconds, and the stack. */
  waits(): readonly string[];
}

export function notedClock(clock: Clock = systemClock): NotedClock {
  const waits = new Set<Error>();
  /** Returns a function that ends the note. */
  const note = (what: string): (() => void) => {
    const wait = new Error(what);
    waits.add(wait);
    return () => waits.delete(wait);
  };
  return {
    now: clock.now,
    sleep: async (ms, options) => {
      const done = options?.ref === false ? () => {} : note(`asleep for ${ms} ms`);
      await clock.sleep(ms, options).finally(done);
    },
    timer: (ms, onExpiry) => {
      const done = note(`a timer of ${ms} ms`);
      const timer = clock.timer(ms, () => {
        done();
        onExpiry();
      });
      return {
        cancel: () => {
          done();
          timer.cancel();
        },
      };
    },
    waits: () => [...waits].map(({ stack, message }) => stack ?? message),
  };
}
