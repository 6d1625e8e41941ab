/** Why the process of a test file ended in failure: node:test itself reports no more than "test failed". */
import type { EventData } from "node:test";

/** An uncaught error as Node prints it; causes are indented. */
const UNCAUGHT_ERROR = /^\w*Error\b.*: .*$/gmu;
const STDERR_CHARACTERS = 16_384;

/** What node:test adds to the error of a process. */
interface ProcessEnd {
  readonly exitCode?: number | null;
  readonly signal?: NodeJS.Signals | null;
}

export class Crashes {
  /** The end of each file's standard error. */
  readonly #stderr = new Map<string, string>();

  take({ file, message }: EventData.TestStderr): void {
    this.#stderr.set(file, `${this.#stderr.get(file) ?? ""}${message}`.slice(-STDERR_CHARACTERS));
  }

  /** The error that ended the process; undefined where the event is not that of a process. */
  errorOf({ file = "", details }: EventData.TestFail): Error | undefined {
    const error: Error & ProcessEnd = details.error;
    if (error.exitCode === undefined) return undefined;
    const uncaught = this.#stderr.get(file)?.match(UNCAUGHT_ERROR)?.at(-1);
    const message =
      uncaught?.replace(/^Error: /u, "") ??
      `the process ended with ${error.signal ?? `exit code ${error.exitCode}`}`;
    // What the process printed is in the output already, with its own stack.
    return Object.assign(new Error(message), { stack: undefined });
  }
}
