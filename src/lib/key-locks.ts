import { orAborted } from "./wait.ts";

/** A mutex per key. With a signal the wait for it ends when that aborts; work that has begun is waited for. */
export type Lock = <T>(key: string, work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/** Work under one key runs one after the other, in the order of the calls; different keys do not wait. */
export function createKeyLocks(): Lock {
  const last = new Map<string, Promise<unknown>>();
  return async <T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    const before = last.get(key);
    const begin = async () => {
      signal?.throwIfAborted();
      return await work();
    };
    const mine: Promise<T> = (before === undefined ? begin() : before.then(begin, begin)).finally(() => {
      if (last.get(key) === mine) last.delete(key);
    });
    last.set(key, mine);
    if (before !== undefined && signal !== undefined) {
      // Nobody waits for it after an abort.
      mine.catch(() => {});
      const turn = before.catch(() => {});
      await orAborted(turn, signal);
    }
    return await mine;
  };
}
