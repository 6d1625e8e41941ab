/**
 * Containers that people start on their own terminal. The executor says what is to be created, and whoever has the terminal
 * creates it: with rights on the engine that are their own, so what they mount of their machine is theirs to mount.
 */
import type { AttemptStart } from "../domain/attempt-start.ts";
import type { TimeMs } from "../domain/action.ts";
import type { ContainerArchive } from "./attempt-options.ts";
import type { AttemptSpec } from "./executor.ts";

export interface InteractiveOptions {
  /** Names the container, beside others of the same attempt. */
  readonly id: string;
  /** As of an attempt; its key says what it is run again of. */
  readonly spec: AttemptSpec;
  /** After this time the container is left over. */
  readonly untilMs: TimeMs;
}

export interface InteractiveContainer {
  readonly engine: "podman" | "docker";
  readonly name: string;
  /** What the engine's `create` takes, without a terminal. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The OCI runtime that makes it, where that is not the engine's own. */
  readonly isolation?: string;
  /** A tar to be unpacked into its root directory before it starts; undefined where there is nothing to unpack. */
  readonly archive?: Buffer;
  /** As of an attempt: its code, where no program of the image can fetch and unpack it. */
  readonly archives: readonly ContainerArchive[];
  /** How it is started; undefined where the image is started as it is. */
  readonly start?: AttemptStart;
}

export interface Interactive {
  /** The image is on the machine afterwards. Throws INVALID_ARGUMENT, IMAGE_* and ENGINE_*. */
  prepare(options: InteractiveOptions, signal: AbortSignal): Promise<InteractiveContainer>;
  /** Removes the container, if it was created, and frees what was prepared for it. Idempotent. */
  release(options: Pick<InteractiveOptions, "id" | "spec">): Promise<void>;
}
