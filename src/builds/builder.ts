/**
 * What a program that builds images has to offer. podman.ts and docker.ts are the two there are; tests use
 * one that only remembers. Nothing of Flyte is known below this line, and nothing of Podman above it.
 */
import type { PushOptions } from "../containers/program-transfer.ts";
import type { RunOptions } from "../containers/program.ts";
import type { EngineImage } from "../containers/types.ts";
import type { ImageLayer } from "../domain/build-record.ts";

export interface ImageBuilder {
  /** "podman 4.3.1", for logs and error messages. */
  readonly description: string;
  /** Whether its Containerfiles may say `RUN --mount`. */
  readonly mounts: boolean;
  /** Whether it hands certificate authorities to the steps; it needs mounts for that. */
  readonly certificates: boolean;
  /** Whether FROM may name an image of the engine by its id, which never moves; otherwise only by name. */
  readonly fromId: boolean;
  /** "amd64": what it builds for. */
  readonly architecture: string;

  /** Builds from images that the engine has; layers of earlier builds are reused. Rejects with BuildFailed. */
  build(job: BuildJob): Promise<BuiltImage>;
  /** Fetches an image into the engine. */
  pull(reference: string, options: RunOptions): Promise<void>;
  /** What the engine has under this name or id, without asking any registry. */
  inspect(reference: string): Promise<EngineImage | undefined>;
  tag(imageId: string, reference: string): Promise<void>;
  /** Pushes an image of the engine under this name and returns the digest that the registry gave it. */
  push(imageId: string, reference: string, options: PushOptions): Promise<string>;
  /** Takes the name away, and the image with its last name. An absent one is no error. */
  remove(reference: string): Promise<void>;
  /** How the image came to be, newest first. */
  history(reference: string): Promise<readonly ImageLayer[]>;
  /** Runs a shell script in a container of the image, as root and without network; undefined without a shell. */
  runScript(imageId: string, script: string): Promise<string | undefined>;
  /** A small text file of the image; undefined where there is none. */
  readFile(imageId: string, path: string): Promise<string | undefined>;
}

export interface BuildJob {
  readonly containerfile: string;
  readonly contextDir: string;
  /** A folder of this build alone, for what the builder has to write beside it. */
  readonly scratchDir: string;
  readonly secrets: readonly BuildSecret[];
  /** Steps run again even where a cached layer would do. */
  readonly noCache: boolean;
  readonly onLog: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface BuildSecret {
  readonly id: string;
  readonly file: string;
}

export interface BuiltImage {
  readonly imageId: string;
}

/** A build that ended because one of its steps failed. failure.ts turns it into words. */
export class BuildFailed extends Error {
  readonly exitCode: number;
  readonly at: FailedAt | undefined;
  /** What the step said, oldest first. */
  readonly lines: readonly string[];

  constructor(exitCode: number, at: FailedAt | undefined, lines: readonly string[]) {
    super(`the build ended with exit code ${exitCode}`);
    this.name = "BuildFailed";
    this.exitCode = exitCode;
    this.at = at;
    this.lines = lines;
  }
}

/** As builders tell it: an instruction counted from 0, one that makes a layer (FROM is 0), or a line counted from 1. */
export type FailedAt = { readonly step: number } | { readonly layer: number } | { readonly line: number };
