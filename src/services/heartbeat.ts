/**
 * Heartbeats on a silent stream. A client that waits 30 s for the next message gives the whole stream up
 * (seen with flyte 2.12.1, `flyte run --follow` of a task that prints nothing for a while).
 */
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/wait.ts";

export const HEARTBEAT_MS = 10_000;

/** What the source yields, and undefined whenever it has been silent for HEARTBEAT_MS. */
export async function* withHeartbeat<T>(
  source: AsyncIterable<T>,
  clock: Clock,
): AsyncIterable<T | undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<T>> | undefined;
  try {
    for (;;) {
      next ??= iterator.next();
      const result = await within(next, HEARTBEAT_MS, clock);
      if (result === undefined) {
        yield undefined;
        continue;
      }
      next = undefined;
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    // Not awaited: a source that waits for something ends when its own signal aborts.
    iterator.return?.().catch(() => {});
  }
}
