/**
 * The interface of a program that builds images, implemented by podman.ts and docker.ts, and by a fake in tests.
 * Implementations know nothing of Flyte, callers nothing of Podman.
 */
import type { PushOptions } from "../containers/program-transfer.ts";
import type { EngineRunOptions } from "../containers/program.ts";
import type { EngineImage } from "../containers/types.ts";
import type { ImageLayer } from "../domain/build-record.ts";
import type { ContainerfileStep } from "./instructions.ts";

export interface ImageBuilder {
  /** "podman 4.3.1", for logs and error messages. */
  readonly description: string;
  /** Whether it supports `RUN --mount`. */
  readonly mounts: boolean;
  /** Whether it passes certificate authorities to the steps; that requires mounts. */
  readonly certificates: boolean;
  /** Whether FROM may name an image of the engine by its immutable id; otherwise only by name. */
  readonly fromId: boolean;
  /** The architecture that it builds for: "amd64". */
  readonly architecture: string;

  /** Builds from images that the engine has; layers of earlier builds are reused. Rejects with BuildFailed. */
  build(job: BuildJob): Promise<BuiltImage>;
  /** Fetches an image into the engine. */
  pull(reference: string, options: PullOptions): Promise<void>;
  /** What the engine has under this name or id, without asking any registry. */
  inspect(reference: string): Promise<EngineImage | undefined>;
  tag(imageId: string, reference: string): Promise<void>;
  /** Pushes an image of the engine under this name and returns the digest that the registry gave it. */
  push(imageId: string, reference: string, options: PublishOptions): Promise<string>;
  /** Removes the name, and with its last name the image. An absent one is no error. */
  remove(reference: string): Promise<void>;
  /** The image's history, newest layer first. */
  history(reference: string): Promise<readonly ImageLayer[]>;
  /** What /bin/sh writes with these arguments, as the image's user and without network; undefined where it cannot run. */
  runShell(imageId: string, args: readonly string[]): Promise<string | undefined>;
  /** A small text file of the image; undefined where there is none. */
  readFile(imageId: string, path: string): Promise<string | undefined>;
}

/** Whether the registry may be at any host: see lib/egress.ts. @default false */
interface Trust {
  readonly isTrusted?: boolean;
}

export type PullOptions = EngineRunOptions & Trust;
export type PublishOptions = PushOptions & Trust;

export interface BuildJob {
  readonly containerfile: string;
  /** Its instructions, for what is shown of them. */
  readonly steps: readonly ContainerfileStep[];
  readonly contextDir: string;
  /** A folder for this build only, for files that the builder writes. */
  readonly scratchDir: string;
  readonly secrets: readonly BuildSecret[];
  /** Runs every step, even where a cached layer exists. */
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

/** A build whose step failed; failure.ts makes a message of it. */
export class BuildFailed extends Error {
  readonly exitCode: number;
  readonly at: FailedAt | undefined;
  /** The output of the step, oldest line first; the last may be the builder's own message. */
  readonly lines: readonly string[];

  constructor(exitCode: number, at: FailedAt | undefined, lines: readonly string[]) {
    super(`the build ended with exit code ${exitCode}`);
    this.name = "BuildFailed";
    this.exitCode = exitCode;
    this.at = at;
    this.lines = lines;
  }
}

/** As builders report it: the number of an instruction (from 0), of one that makes a layer (FROM is 0), or of a line (from 1). */
export type FailedAt = { readonly step: number } | { readonly layer: number } | { readonly line: number };
