/** Archives that a worker has, or gets now: several attempts bring the same code. */
import { orAborted } from "../../lib/wait.ts";

export class SharedArchives {
  readonly #puts = new Map<string, Promise<void>>();
  readonly #worker = new AbortController();

  /** `ended`: of the worker. */
  constructor(ended: Promise<unknown>) {
    void ended.then(() => this.#worker.abort(new Error("the worker has ended")));
  }

  /**
   * Resolves when the worker has it, rejects when that failed. What one attempt has begun goes on for the others: `signal`
   * only ends waiting for it.
   */
  async put(name: string, put: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    let putting = this.#puts.get(name);
    if (putting === undefined) {
      putting = put(this.#worker.signal);
      this.#puts.set(name, putting);
      // Another attempt tries it again.
      putting.catch(() => this.#puts.delete(name));
    }
    await orAborted(putting, signal);
  }
}
