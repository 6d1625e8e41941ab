/** Reads the progress of a podman build from its output: the number of the current step, and the step's output. */
import type { ContainerfileStep } from "./instructions.ts";
import { KEPT_LINES, type ProgressReader } from "./program-builder.ts";

/** The error at the end repeats the whole instruction, with its line breaks: `Error: building at STEP "RUN …": REASON`. */
const FAILED_STEP = 'Error: building at STEP "';
const STEP_EXIT = /": while running runtime: (exit status \d+)$/;
const REASON = /^.*?": (.+)$/s;

export class PodmanProgress implements ProgressReader {
  readonly #steps: readonly ContainerfileStep[];
  #step: number | undefined;
  #lines: string[] = [];
  /** The lines of the error so far. */
  #error: string | undefined;

  constructor(steps: readonly ContainerfileStep[]) {
    this.#steps = steps;
  }

  push(line: string): string | undefined {
    const [, number, count, text] = /^STEP (\d+)\/(\d+): (.*)$/.exec(line) ?? [];
    if (number !== undefined) {
      this.#step = Number(number) - 1;
      this.#lines = [];
      this.#error = undefined;
      return `STEP ${number}/${count}: ${this.#steps[this.#step]?.summary ?? text}`;
    }
    if (this.#error === undefined && !line.startsWith(FAILED_STEP)) return this.#keep(line);
    this.#error = this.#error === undefined ? line.slice(FAILED_STEP.length) : `${this.#error}\n${line}`;
    const reason = STEP_EXIT.exec(this.#error)?.[1] ?? this.#reasonOtherThanExit(this.#error);
    if (reason === undefined) return undefined;
    this.#error = undefined;
    return this.#keep(reason);
  }

  at(): { step: number } | undefined {
    return this.#step === undefined ? undefined : { step: this.#step };
  }

  lines(): readonly string[] {
    return this.#error === undefined ? this.#lines : [...this.#lines, `Error: ${this.#error}`];
  }

  /** Of podman itself. The script of a RUN may contain what looks like the end of the instruction: then its exit follows. */
  #reasonOtherThanExit(error: string): string | undefined {
    const reason = REASON.exec(error)?.[1];
    return reason === undefined || error.startsWith("RUN ") ? undefined : `Error: ${reason}`;
  }

  #keep(line: string): string {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    return line;
  }
}
