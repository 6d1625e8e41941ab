/** The attempts that an executor watches, by name: one machine for each. */
import type { Logger } from "../lib/log.ts";
import type { AttemptMachine } from "./attempt-machine.ts";

export class WatchedAttempts<Handle> {
  readonly #log: Logger;
  readonly #machines = new Map<string, AttemptMachine<Handle>>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** A second start of the same attempt takes over: there is one observer, and no two of them race. */
  async start(name: string, make: () => AttemptMachine<Handle>): Promise<void> {
    for (let earlier = this.#machines.get(name); earlier !== undefined; earlier = this.#machines.get(name)) {
      await earlier.detach();
      this.#forget(name, earlier);
    }
    const attempt = make();
    this.#machines.set(name, attempt);
    void attempt.done
      .catch((error: unknown) =>
        this.#log.error("the observer of an attempt threw", { attempt: name, error }),
      )
      .then(() => this.#forget(name, attempt));
  }

  /** Resolves, once the end was reported, with whether there was one to stop. */
  async stop(name: string, graceMs: number): Promise<boolean> {
    const attempt = this.#machines.get(name);
    await attempt?.stop(graceMs);
    return attempt !== undefined;
  }

  async detachAll(): Promise<void> {
    await Promise.allSettled([...this.#machines.values()].map((attempt) => attempt.detach()));
  }

  #forget(name: string, attempt: AttemptMachine<Handle>): void {
    if (this.#machines.get(name) === attempt) this.#machines.delete(name);
  }
}
