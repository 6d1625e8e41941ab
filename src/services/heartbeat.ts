/**
 * Life signs on a silent stream. A client that waits 30 s for the next message gives the whole stream up
 * (seen with flyte 2.12.1, `flyte run --follow` of a task that prints nothing for a while).
 */
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
      const result = await withinTime(next, everyMs);
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

async function withinTime<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)));
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
