/** Counts calls for action names. Apart from naming.ts, whose hashes a task without calls does not need. */

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

/** What the names of children are derived from: the task's action, or the trace that runs in it. */
export interface NamingScope {
  readonly name: string;
  readonly calls: CallCounter;
}
