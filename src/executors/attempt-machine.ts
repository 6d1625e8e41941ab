/** Drives one attempt through the chart: what an executor does in each state is given to it. */
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { AttemptExit } from "../domain/attempt.ts";
import type { Logger } from "../lib/log.ts";
import { orAborted } from "../lib/wait.ts";
import { isFinal, mayMove, ON_STOP, underStop } from "./attempt-chart.ts";
import type { After, AttemptState, Ended } from "./attempt-chart.ts";
import type { AttemptObserver } from "./executor.ts";

/**
 * The work of each state. A step resolves with the state that it leads to; its signal aborts at a detach and,
 * where the chart says so, at a stop. Throws AttemptEnded to end the attempt with what is known; another
 * error loses it.
 */
export interface AttemptWork<Handle> {
  find(signal: AbortSignal): Promise<After<Handle, "finding">>;
  pull(signal: AbortSignal): Promise<After<Handle, "pulling">>;
  prepare(handle: Handle, signal: AbortSignal): Promise<After<Handle, "created">>;
  launch(handle: Handle, signal: AbortSignal): Promise<After<Handle, "starting">>;
  /** Resolves once the process is over; called again when a stop interrupted it. */
  watch(handle: Handle, signal: AbortSignal): Promise<After<Handle, "stopping">>;
  /** Resolves when the process was signalled to end. */
  stop(handle: Handle, graceMs: number): Promise<void>;
  conclude(handle: Handle, stopped: boolean, signal: AbortSignal): Promise<Ended>;
  /**
   * Closes what was opened to watch; the log is complete. Called once, before a final state. `isOver`: the attempt has ended; else
   * it was detached, and goes on without this.
   */
  close(isOver: boolean): Promise<void>;
}

/** Thrown by a step: ends the attempt with this exit. */
export class AttemptEnded extends Error {
  readonly exit: AttemptExit;

  constructor(exit: AttemptExit) {
    super(exit.message ?? "the attempt has ended");
    this.exit = exit;
  }
}

export class AttemptMachine<Handle> {
  /** Resolves in a final state, when nothing of this attempt is under way any more. */
  readonly done: Promise<void>;
  readonly #work: AttemptWork<Handle>;
  readonly #observer: AttemptObserver;
  readonly #log: Logger;
  #state: AttemptState<Handle> = { name: "finding" };
  /** Of the present state's step. */
  #step = new AbortController();
  #stopRequested = false;
  readonly #detached = new AbortController();
  /** Resolves once a stop can be passed on, or need not be. */
  readonly #stoppable = Promise.withResolvers<void>();
  #closing: Promise<void> | undefined;

  constructor(work: AttemptWork<Handle>, observer: AttemptObserver, log: Logger) {
    this.#work = work;
    this.#observer = observer;
    this.#log = log;
    this.done = this.#run();
  }

  get state(): AttemptState<Handle>["name"] {
    return this.#state.name;
  }

  /** Resolves when the end was reported. Rejects where the stop could not be passed on, and at a detach. */
  async stop(graceMs: number): Promise<void> {
    this.#stopRequested = true;
    if (this.#state.name === "running") this.#enter(underStop(this.#state));
    else if (ON_STOP[this.#state.name] === "interrupt") this.#step.abort(new Error("the attempt is stopped"));
    await this.#stoppable.promise;
    // A detach does not take the signal back, but nobody waits for the engine any longer.
    if (this.#state.name === "stopping")
      await orAborted(this.#work.stop(this.#state.handle, graceMs), this.#detached.signal);
    await this.done;
  }

  /** Nothing more is reported to the observer. */
  async detach(): Promise<void> {
    if (!isFinal(this.#state)) this.#enter({ name: "detached" });
    await this.done;
  }

  async #run(): Promise<void> {
    for (let state = this.#state; !isFinal(state); state = this.#state) {
      const step = state;
      const next = await this.#next(step).catch((error: unknown) => this.#afterError(step, error));
      if (this.#underStop(next).name === "ended") await this.#close();
      // A stop or a detach has moved it on meanwhile.
      if (this.#state !== step) continue;
      // The start is reported, also of an attempt that is stopped at once.
      if (next.name === "running") this.#enter(next);
      const then = this.#underStop(next);
      if (then !== this.#state) this.#enter(then);
    }
    await this.#close();
  }

  #underStop(next: AttemptState<Handle>): AttemptState<Handle> {
    return this.#stopRequested ? underStop(next) : next;
  }

  #next(state: Exclude<AttemptState<Handle>, { name: "ended" | "detached" }>): Promise<AttemptState<Handle>> {
    const { signal } = this.#step;
    switch (state.name) {
      case "finding":
        return this.#work.find(signal);
      case "pulling":
        return this.#work.pull(signal);
      case "created":
        return this.#work.prepare(state.handle, signal);
      case "starting":
        return this.#work.launch(state.handle, signal);
      case "running":
      case "stopping":
        return this.#work.watch(state.handle, signal);
      case "ending":
        return this.#work.conclude(state.handle, this.#stopRequested, signal);
    }
  }

  #afterError(state: AttemptState<Handle>, error: unknown): AttemptState<Handle> {
    if (error instanceof AttemptEnded) return { name: "ended", exit: error.exit };
    if (this.#state !== state || this.#step.signal.aborted) return underStop(state);
    this.#log.error("attempt could not be watched", { state: state.name, error });
    const code = error instanceof BoxkiteError ? error.code : "EXECUTOR_FAILED";
    return { name: "ended", exit: { reason: "lost", outOfMemory: false, code, message: messageOf(error) } };
  }

  /** The one setter: leaves the present state, then enters the next. */
  #enter(next: AttemptState<Handle>): void {
    const from = this.#state;
    if (!mayMove(from.name, next.name)) throw new Error(`no attempt goes from ${from.name} to ${next.name}`);
    this.#step.abort(new Error(`the attempt is ${next.name}`));
    this.#step = new AbortController();
    this.#state = next;
    if (next.name === "detached") this.#detached.abort(new Error("the attempt is detached"));
    if (next.name === "stopping" || next.name === "ending" || isFinal(next)) this.#stoppable.resolve();
    const isFirstReport = next.name === "running" || (next.name === "ending" && from.name === "finding");
    if (isFirstReport && next.startedAt !== undefined) this.#observer.started(next.startedAt);
    if (next.name === "ended") this.#observer.ended(next.exit);
  }

  #close(): Promise<void> {
    this.#closing ??= this.#work
      .close(this.#state.name !== "detached")
      .catch((error: unknown) => this.#log.warn("what watched an attempt could not be closed", { error }));
    return this.#closing;
  }
}
