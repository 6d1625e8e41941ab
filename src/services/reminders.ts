/**
 * A message that says nothing new, some time after the last one. The event loop of the stock SDK may miss the wake-up of a
 * request that has ended, and then stands still until something else wakes it: seen with flyte 2.12.1, whose parents stood still
 * for 7 to 60 s between two requests to the object store, while other programs used the processors. The next message
 * on its watch wakes it.
 */
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/wait.ts";

/** Milliseconds of silence before each of them. */
export const REMINDERS_MS = [200, 1_000, 5_000];

/** Yields the reminder until `next` is there, fewer and fewer times; then waits for it. */
export async function* remindersUntil<T>(
  next: Promise<unknown>,
  reminder: T,
  clock: Clock,
): AsyncIterable<T> {
  const isThere = next.then(() => true);
  for (const ms of REMINDERS_MS) {
    if ((await within(isThere, ms, clock)) === true) return;
    yield reminder;
  }
  await isThere;
}
