/**
 * Where a docker build is, read from what it prints. The classic builder counts every instruction. BuildKit
 * counts those that make layers, and from 23 on ends with the line of the Containerfile that failed.
 */
import { stripVTControlCharacters } from "node:util";
import type { FailedAt } from "./builder.ts";
import { KEPT_LINES, type ProgressReader } from "./program-builder.ts";

/** What BuildKit says of its own work, and what it repeats of the failed step at the end. */
const NOISE =
  /^(sha256:[0-9a-f]{64}|CACHED|DONE \d+\.\d+s|ERROR: (process|executor failed) .*|-{3,}| > \[.*)$/;

export class DockerProgress implements ProgressReader {
  #at: FailedAt | undefined;
  #lines: string[] = [];
  /** By the number in front of BuildKit's lines: which layer that step makes, counted from 0. */
  readonly #layers = new Map<string, number>();

  push(line: string): void {
    const plain = stripVTControlCharacters(line);
    // Podman behind Docker's API says STEP.
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

  /** Where it failed, if it has. */
  at(): FailedAt | undefined {
    return this.#at;
  }

  /** What was said since the step began. */
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
