/**
 * Life signs on a silent stream. A client that waits 30 s for the next message gives the whole stream up
 * (seen with flyte 2.12.1, `flyte run --follow` of a task that prints nothing for a while).
 */
import { systemClock } from "../lib/clock.ts";
import { within } from "../lib/wait.ts";

export const HEARTBEAT_MS = 10_000;

/** What the source yields, and undefined whenever it has been silent for `everyMs`. */
export async function* withHeartbeat<T>(
  source: AsyncIterable<T>,
  everyMs: number = HEARTBEAT_MS,
): AsyncIterable<T | undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<T>> | undefined;
  try {
    for (;;) {
      next ??= iterator.next();
      const result = await within(next, everyMs, systemClock);
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
