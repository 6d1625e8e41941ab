/** A mutex per key. */
export type Lock = <T>(key: string, work: () => Promise<T>) => Promise<T>;

/** Work under one key runs one after the other, in the order of the calls; different keys do not wait. */
export function createKeyLocks(): Lock {
  const last = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const before = last.get(key);
    const mine = before === undefined ? work() : before.then(work, work);
    last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (last.get(key) === mine) last.delete(key);
    }
  };
}
