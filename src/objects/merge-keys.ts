import { compareKeys } from "./directory/key-order.ts";
import type { Description } from "./directory/object-file.ts";
import { isWanted, type FoundKey, type Walk } from "./directory/walk.ts";

export interface MergeOptions {
  readonly walk: Walk;
  /** Keys that went from one walk to the other since both began; it grows. They may have been missed by both. */
  readonly moved: ReadonlySet<string>;
  readonly find: (key: string) => Promise<Description | undefined>;
}

/** The keys of two walks in byte order, each once; of one that both have, the first walk's. */
export async function* mergeKeys(
  [first, second]: readonly [AsyncGenerator<FoundKey>, AsyncGenerator<FoundKey>],
  { walk, moved, find }: MergeOptions,
): AsyncGenerator<FoundKey> {
  let last: string | undefined;
  const isPassed = (key: string): boolean => last !== undefined && compareKeys(key, last) <= 0;
  const isSkipped = (key: string): boolean => walk.skip !== undefined && key.startsWith(walk.skip);
  const movedBefore = (key: string | undefined): FoundKey | undefined => {
    const [next] = [...moved]
      .filter((each) => !isPassed(each) && !isSkipped(each) && isWanted(each, false, walk))
      .filter((each) => key === undefined || compareKeys(each, key) < 0)
      .toSorted(compareKeys);
    return next === undefined ? undefined : found(next);
  };
  /** What is described when it is read may have gone to the other walk by then. */
  const found = (key: string, describe?: FoundKey["describe"]): FoundKey => ({
    key,
    describe: async () => (await describe?.()) ?? (await find(key)),
  });

  let [a, b] = [await nextOf(first), await nextOf(second)];
  for (;;) {
    while (a !== undefined && (isPassed(a.key) || isSkipped(a.key))) a = await nextOf(first);
    while (b !== undefined && (isPassed(b.key) || isSkipped(b.key))) b = await nextOf(second);
    const next = b === undefined || (a !== undefined && compareKeys(a.key, b.key) <= 0) ? a : b;
    const chosen = movedBefore(next?.key) ?? (next && found(next.key, next.describe));
    if (chosen === undefined) return;
    last = chosen.key;
    yield chosen;
  }
}

async function nextOf(walk: AsyncGenerator<FoundKey>): Promise<FoundKey | undefined> {
  const { done, value } = await walk.next();
  return done === true ? undefined : value;
}
