/** One attempt in a resident worker: what a process of its own would be. */
import { fencedStorage } from "./fenced-storage.ts";
import type { AttemptFiles } from "./attempt-files.ts";
import { orderStorage } from "./order-storage.ts";
import { UsageError, type RuntimeArguments } from "../arguments.ts";
import { recordFailure } from "../record-failure.ts";
import {
  EXIT_CODES,
  EXIT_CRASH,
  EXIT_TERMINATED,
  EXIT_USAGE,
  GRACE_MS,
  exitNotice,
  runAction,
  type Outcome,
} from "../run-action.ts";
import type { Environment } from "../../client/config-file.ts";
import { openStorage, type Storage } from "../../client/storage/storage.ts";
import type { Clock } from "../../lib/clock.ts";
import { ActionAbortedError } from "../../sdk/authoring/errors.ts";

export const EXIT_KILLED = 137;
/** Node keeps the failure of a module, also where its reason has gone. */
const UNLOADABLE = "the module of a task could not be loaded";
const UNHANDLED = "a task had an error that nobody handled";
const OVER = new Error("the attempt is over");

/** How an attempt ended. */
export interface AttemptOver {
  readonly code: number;
  /** Why no other one may follow in this process: its code may still run, or its module cannot be used again. */
  readonly spoils?: string;
}

export interface AttemptStart {
  /** What its command line says, or what is wrong with it. */
  readonly given: RuntimeArguments | UsageError;
  /** Those that came with its order. */
  readonly inputs: Uint8Array | undefined;
  /** All variables. */
  readonly env: Environment;
  readonly files: AttemptFiles;
}

export class ResidentAttempt {
  readonly files: AttemptFiles;
  /** Resolves when it is over, however that happened. */
  readonly over: Promise<AttemptOver>;
  readonly #start: AttemptStart;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  /** Aborts when nothing that its code still does may have an effect. */
  readonly #fence = new AbortController();
  readonly #over = Promise.withResolvers<AttemptOver>();
  #isOver = false;

  constructor(start: AttemptStart, clock: Clock) {
    this.#start = start;
    this.#clock = clock;
    this.files = start.files;
    this.over = this.#over.promise;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** To be called in the asynchronous context of the attempt. Never rejects. */
  async run(): Promise<void> {
    const { given, env } = this.#start;
    if (given instanceof UsageError) {
      this.files.note(`a0-ts: ${given.message}\n`);
      return this.#end({ code: EXIT_USAGE });
    }
    try {
      const storage = fencedStorage(this.#storage(given, env), this.#fence.signal);
      const outcome = await runAction(given, env, this.#abort.signal, storage);
      this.#end({ code: this.#codeOf(outcome), ...(outcome === "unloadable" && { spoils: UNLOADABLE }) });
    } catch (error) {
      // Nobody takes the result of one that was ended: its keys have ended, too.
      if (this.#abort.signal.aborted) return this.#end({ code: EXIT_TERMINATED });
      this.files.note(`a0-ts: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      this.#end({ code: EXIT_CRASH, spoils: "the runtime failed" });
    }
  }

  /** Aborts its signal; after the grace period it is over, whatever its code does. */
  terminate(): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(new ActionAbortedError("the platform ends this action"));
    const timer = this.#clock.timer(GRACE_MS, () =>
      this.#finish({ code: EXIT_TERMINATED, spoils: "a task went on after its grace period" }),
    );
    void this.over.then(() => timer.cancel());
  }

  kill(): void {
    this.#finish({ code: EXIT_KILLED, spoils: "a task was killed" });
  }

  /** By `process.exit`: nothing can be recorded any more, and the log has to say what happened. */
  exit(code: number): void {
    this.files.note(exitNotice(code));
    this.#end({ code, spoils: "a task called process.exit" });
  }

  /** An error that nobody handled: its code cannot go on, but the error is recorded. */
  crash(error: unknown): void {
    if (this.#fence.signal.aborted) return;
    this.#fence.abort(OVER);
    const finish = (): void => this.#finish({ code: EXIT_CRASH, spoils: UNHANDLED });
    const { given, env } = this.#start;
    if (given instanceof UsageError) return finish();
    recordFailure(this.#storage(given, env), given, error).then(finish, finish);
  }

  #storage(given: RuntimeArguments, env: Environment): Storage {
    const storage = openStorage(env);
    const { inputs } = this.#start;
    if (inputs === undefined) return storage;
    return orderStorage(storage, { given, inputs, keep: (name, bytes) => this.files.keep(name, bytes) });
  }

  #codeOf(outcome: Outcome): number {
    return this.#abort.signal.aborted ? EXIT_TERMINATED : EXIT_CODES[outcome];
  }

  /** Unless something else ends it already. */
  #end(over: AttemptOver): void {
    if (!this.#fence.signal.aborted) this.#finish(over);
  }

  #finish(over: AttemptOver): void {
    this.#isOver = true;
    this.#fence.abort(OVER);
    this.#over.resolve(over);
  }
}
