/**
 * Reads the progress of a docker build from its output. The classic builder counts every instruction; BuildKit
 * counts those that make layers, and since version 23 ends with the line of the Containerfile that failed.
 */
import { stripVTControlCharacters } from "node:util";
import type { FailedAt } from "./builder.ts";
import { KEPT_LINES, type ProgressReader } from "./program-builder.ts";

/** BuildKit's own progress lines, and the output of the failed step that it repeats at the end. */
const NOISE =
  /^(sha256:[0-9a-f]{64}|CACHED|DONE \d+\.\d+s|ERROR: (process|executor failed) .*|-{3,}| > \[.*)$/;

export class DockerProgress implements ProgressReader {
  #at: FailedAt | undefined;
  #lines: string[] = [];
  /** By the number in front of BuildKit's lines: the layer that the step makes, from 0. */
  readonly #layers = new Map<string, number>();

  push(line: string): void {
    const plain = stripVTControlCharacters(line);
    // Podman behind Docker's API writes STEP.
    const classic = /^STEP (\d+)\/\d+ ?: /i.exec(plain);
    const failedLine = /^\S*(?:Containerfile|Dockerfile):(\d+)$/.exec(plain.trim());
    if (classic !== null) {
      this.#at = { step: Number(classic[1]) - 1 };
      this.#lines = [];
    } else if (failedLine !== null) {
      this.#at = { line: Number(failedLine[1]) };
    } else {
      this.#pushBuildKit(plain);
    }
  }

  /** Where the build failed, if it has. */
  at(): FailedAt | undefined {
    return this.#at;
  }

  /** The output since the step began. */
  lines(): readonly string[] {
    return this.#lines;
  }

  #pushBuildKit(line: string): void {
    const [, number = "", text = line] = /^#(\d+) (?:\d+\.\d+ )?(.*)$/.exec(line) ?? [];
    const begun = /^\[(?:\S+ )?(\d+)\/\d+\] /.exec(text);
    if (begun !== null) {
      this.#layers.set(number, Number(begun[1]) - 1);
      this.#lines = [];
    }
    const layer = this.#layers.get(number);
    if (layer !== undefined && text.startsWith("ERROR: ")) this.#at = { layer };
    if (NOISE.test(text)) return;
    this.#lines.push(text);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }
}
