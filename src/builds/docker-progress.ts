/**
 * Reads the progress of a docker build from its output. The classic builder counts every instruction; BuildKit
 * counts those that make layers, and since version 23 ends with the line of the Containerfile that failed.
 */
import { stripVTControlCharacters } from "node:util";
import type { FailedAt } from "./builder.ts";
import { type ContainerfileStep, layerSteps } from "./instructions.ts";
import { KEPT_LINES, type ProgressReader } from "./program-builder.ts";

/** The builders' own progress lines, and the frame around what BuildKit repeats at the end. */
const NOISE =
  /^(sha256:[0-9a-f]{64}|CACHED|DONE \d+\.\d+s|-{3,}| ---> .*|Removing intermediate container [0-9a-f]+)$/;

/** Of a step, and of the output of the failed one that newer versions repeat at the end. */
const HEADER = /^((?: > )?\[(?:\S+ )?(\d+)\/\d+\] )/;
/** Each repeated line begins with the seconds since the step began. */
const REPEATED_TIME = /^\d+\.\d{3} /;

/** The excerpt of the Containerfile at the end of BuildKit's output. */
const EXCERPT = /^\s*\d+ \| /;

/** How builders report that a step ended with an error; the text in between is its instruction. */
const STEP_EXIT =
  /^(?:ERROR: )?(?:failed to solve.*?: )?(?:executor failed running \[.*\]: exit code: (\d+)|process ".*" did not complete successfully: exit code: (\d+)|The command '.*' returned a non-zero code: (\d+))$/;

export class DockerProgress implements ProgressReader {
  readonly #steps: readonly ContainerfileStep[];
  readonly #layerSteps: readonly ContainerfileStep[];
  #at: FailedAt | undefined;
  #lines: string[] = [];
  /** Until something is repeated: versions before 23 do not. */
  #earlier: string[] = [];
  /** By the number in front of BuildKit's lines: the layer that the step makes, from 0. */
  readonly #layers = new Map<string, number>();

  constructor(steps: readonly ContainerfileStep[]) {
    this.#steps = steps;
    this.#layerSteps = layerSteps(steps);
  }

  push(line: string): string | undefined {
    const plain = stripVTControlCharacters(line);
    // Podman behind Docker's API writes STEP.
    const [, classic, number] = /^(STEP (\d+)\/\d+ ?: )/i.exec(plain) ?? [];
    const failedLine = /^\S*(?:Containerfile|Dockerfile):(\d+)$/.exec(plain.trim());
    if (classic !== undefined) {
      const step = Number(number) - 1;
      this.#at = { step };
      this.#lines = [];
      return `${classic}${this.#steps[step]?.summary ?? plain.slice(classic.length)}`;
    }
    if (failedLine !== null) {
      this.#at = { line: Number(failedLine[1]) };
      return undefined;
    }
    return this.#pushBuildKit(plain);
  }

  /** Where the build failed, if it has. */
  at(): FailedAt | undefined {
    return this.#at;
  }

  /** The output since the step began. */
  lines(): readonly string[] {
    return this.#lines;
  }

  #pushBuildKit(line: string): string | undefined {
    const [, prefix = "", number = "", time = "", rest = line] =
      /^(#(\d+) (\d+\.\d+ )?)(.*)$/.exec(line) ?? [];
    // A step may print the same, but with the time in front of it.
    const [, mark = "", position] = time === "" ? (HEADER.exec(rest) ?? []) : [];
    if (position !== undefined && (number !== "" || mark.startsWith(" > ")))
      return `${prefix}${mark}${this.#begin(number, mark, Number(position) - 1) ?? rest.slice(mark.length)}`;
    return number === "" ? this.#pushEnd(rest) : this.#pushNumbered(number, prefix, rest);
  }

  /** Returns the step's summary. At the end the output of the failed step is repeated, without that of others. */
  #begin(number: string, mark: string, layer: number): string | undefined {
    this.#layers.set(number, layer);
    if (mark.startsWith(" > ")) this.#earlier = this.#lines;
    this.#lines = [];
    return this.#layerSteps[layer]?.summary;
  }

  #pushNumbered(number: string, prefix: string, text: string): string {
    const layer = this.#layers.get(number);
    const isError = text.startsWith("ERROR: ");
    if (layer !== undefined && isError) this.#at = { layer };
    const shown = withoutInstruction(text);
    if (!isError && !NOISE.test(text)) this.#keep(shown);
    return `${prefix}${shown}`;
  }

  #pushEnd(text: string): string | undefined {
    if (this.#at !== undefined && "line" in this.#at && EXCERPT.test(text)) return undefined;
    if (/^-{3,}$/.test(text) && this.#lines.length === 0) this.#lines = this.#earlier;
    const shown = withoutInstruction(text);
    if (!NOISE.test(text)) this.#keep(shown.replace(REPEATED_TIME, ""));
    return shown;
  }

  #keep(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }
}

function withoutInstruction(line: string): string {
  const code = STEP_EXIT.exec(line)
    ?.slice(1)
    .find((group) => group !== undefined);
  return code === undefined ? line.replace(/^ERROR: failed to solve: /, "") : `exit code: ${code}`;
}
