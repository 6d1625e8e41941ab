/** Work on one key at a time, in the order in which it was asked for; other keys go their own way. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs when everything before it on this key has ended, well or not. */
  async take<T>(key: string, run: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const mine = (async () => {
      await before?.catch(() => {});
      return await run();
    })();
    this.#last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    }
  }
}
