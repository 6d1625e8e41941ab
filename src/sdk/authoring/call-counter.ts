/** What the names of an action's children are counted by. Without the hashes of naming.ts: most tasks call nobody. */

/** Counts identical calls, so that each gets a name of its own that the next attempt makes again. */
export class CallCounter {
  readonly #counts = new Map<string, number>();

  /** 1 for the first call with this key. */
  next(key: string): number {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }
}

/** Where names of children begin: the task's action, or the trace that is running in it. */
export interface NamingScope {
  readonly name: string;
  readonly calls: CallCounter;
}
