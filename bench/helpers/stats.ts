/** Medians and the like, and taking turns: two things are only comparable when measured side by side. */

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/**
 * Runs each of the works once per round, in an order that is drawn anew for every round, so that what changes on the
 * machine, and what one work leaves to the next, hits all of them. Gives the results of each, in the order of rounds.
 */
export async function takeTurns<W extends Readonly<Record<string, () => Promise<unknown>>>>(
  rounds: number,
  works: W,
  signal?: AbortSignal,
  random: () => number = Math.random,
): Promise<Turns<W>> {
  const names = Object.keys(works);
  const results: Record<string, unknown[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    // A round is whole or not begun; the first is always there.
    if (round > 0 && signal?.aborted) break;
    for (const name of shuffled(names, random)) results[name]?.push(await works[name]?.());
  }
  return results as Turns<W>;
}

/** Fisher and Yates: each order is as likely as any other. */
export function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const rest = [...values];
  const order: T[] = [];
  while (rest.length > 0) order.push(...rest.splice(Math.floor(random() * rest.length), 1));
  return order;
}

export type Turns<W extends Readonly<Record<string, () => Promise<unknown>>>> = {
  [K in keyof W]: Awaited<ReturnType<W[K]>>[];
};

export interface LoadResult {
  /** Milliseconds of each call. */
  readonly latencies: readonly number[];
  readonly perSecond: number;
}

/** `count` calls, `concurrency` of them at a time. */
export async function callMany(
  count: number,
  concurrency: number,
  call: (index: number) => Promise<unknown>,
): Promise<LoadResult> {
  const latencies: number[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next++;
      latencies.push(await timed(() => call(index)));
    }
  };
  const ms = await timed(() => Promise.all(Array.from({ length: concurrency }, worker)));
  return { latencies, perSecond: (count / ms) * 1_000 };
}
