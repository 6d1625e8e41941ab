/** What any of the sources yields, as it comes. Ends with the first that ends, and fails with the first that fails. */
export async function* merged<T>(sources: readonly AsyncIterable<T>[]): AsyncIterable<T> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const next = new Map(iterators.map((each) => [each, pull(each)]));
  try {
    for (;;) {
      const { iterator, result } = await Promise.race(next.values());
      if (result.done === true) return;
      next.set(iterator, pull(iterator));
      yield result.value;
    }
  } finally {
    // Nobody waits for these any more: what they fail with is of no use.
    for (const iterator of iterators) {
      next.get(iterator)?.catch(() => undefined);
      iterator.return?.().catch(() => undefined);
    }
  }
}

async function pull<T>(iterator: AsyncIterator<T>) {
  return { iterator, result: await iterator.next() };
}
