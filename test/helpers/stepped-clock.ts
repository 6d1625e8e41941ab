/** A clock that stands still until a test steps it: timers fire in order, within the step. */
import type { Clock } from "../../src/lib/clock.ts";

export interface SteppedClock extends Clock {
  /** Lets what was set off run, goes forward, fires what falls due on the way, and lets what that set off run. */
  step(ms: number): Promise<void>;
  /** Timers and sleeps that have not fired. */
  readonly pending: number;
}

interface Alarm {
  readonly at: number;
  readonly fire: () => void;
}

export function steppedClock(startMs = 1_700_000_000_000): SteppedClock {
  let nowMs = startMs;
  const alarms = new Set<Alarm>();
  const set = (ms: number, fire: () => void): Alarm => {
    const alarm = { at: nowMs + Math.max(0, ms), fire };
    alarms.add(alarm);
    return alarm;
  };
  const nextAlarm = (until: number): Alarm | undefined => {
    let next: Alarm | undefined;
    for (const alarm of alarms) if (alarm.at <= until && alarm.at < (next?.at ?? Infinity)) next = alarm;
    return next;
  };
  return {
    now: () => nowMs,
    timer: (ms, fire) => {
      const alarm = set(ms, fire);
      return { cancel: () => void alarms.delete(alarm) };
    },
    sleep: (ms, { signal } = {}) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason as Error);
        const leave = () => {
          alarms.delete(alarm);
          reject(signal?.reason as Error);
        };
        const alarm = set(ms, () => {
          signal?.removeEventListener("abort", leave);
          resolve();
        });
        signal?.addEventListener("abort", leave, { once: true });
      }),
    step: async (ms) => {
      await settled();
      const until = nowMs + ms;
      for (let alarm = nextAlarm(until); alarm !== undefined; alarm = nextAlarm(until)) {
        alarms.delete(alarm);
        nowMs = Math.max(nowMs, alarm.at);
        alarm.fire();
        await settled();
      }
      nowMs = until;
      await settled();
    },
    get pending() {
      return alarms.size;
    },
  };
}

/** What was set off has run as far as it goes without time or a slow disk. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
