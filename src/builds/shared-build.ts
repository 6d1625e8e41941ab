/** One build for all equal requests: each may leave, and the build is stopped when the last one does. */
import { orAborted } from "../lib/wait.ts";
import { createBuildLog } from "./build-log.ts";

export interface Waiter {
  readonly onLog: (line: string) => void;
  /** The waiter leaves when it aborts. */
  readonly signal: AbortSignal;
}

export type RunBuild<Result> = (log: (line: string) => void, signal: AbortSignal) => Promise<Result>;

class SharedBuild<Result> {
  readonly #log = createBuildLog();
  readonly #stop = new AbortController();
  readonly #result: Promise<Result>;
  #waiters = 0;

  constructor(run: RunBuild<Result>) {
    this.#result = run(this.#log.write, this.#stop.signal);
    this.#result.catch(() => {}); // Reported to the waiters; there may be none left.
  }

  /** Calls back once nobody can join any more: the build has ended, or is being stopped. */
  onClosed(close: () => void): void {
    this.#stop.signal.addEventListener("abort", close, { once: true });
    this.#result.then(close, close);
  }

  /** Waits for the result; rejects with the signal's reason where that aborts first. */
  async join({ onLog, signal }: Waiter): Promise<Result> {
    this.#waiters++;
    const unsubscribe = this.#log.subscribe(onLog);
    // In the event itself: a request after the abort must not join a build that is being stopped.
    const leave = () => {
      this.#waiters--;
      if (this.#waiters === 0) this.#stop.abort(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await orAborted(this.#result, signal);
    } catch (error) {
      // The last waiter waits until the build has been cleaned up.
      if (this.#stop.signal.aborted) await this.#result.catch(() => {});
      throw error;
    } finally {
      signal.removeEventListener("abort", leave);
      unsubscribe();
    }
  }
}

/** The running builds, by a key that is the same for equal requests. */
export class SharedBuilds<Result> {
  readonly #running = new Map<string, SharedBuild<Result>>();

  /** Joins the build of this key; starts it by calling `run` if there is none. */
  async join(key: string, waiter: Waiter, run: RunBuild<Result>): Promise<Result> {
    waiter.signal.throwIfAborted();
    return await (this.#running.get(key) ?? this.#start(key, run)).join(waiter);
  }

  #start(key: string, run: RunBuild<Result>): SharedBuild<Result> {
    const build = new SharedBuild(run);
    this.#running.set(key, build);
    build.onClosed(() => void (this.#running.get(key) === build && this.#running.delete(key)));
    return build;
  }
}
