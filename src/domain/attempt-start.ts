/** How an attempt was started: with its image and its task's code, where its result comes from. */
import type { Adaptation } from "./adaptation.ts";
import type { WarmStart } from "./warm-start.ts";

export interface AttemptStart {
  /** Who ran it, with its version: `podman 4.3.1`. */
  readonly engine: string;
  readonly adaptations: readonly Adaptation[];
  /** What runs the task, where the image was read. */
  readonly interpreter?: ProgramVersion;
  /** Of the SDK whose runtime runs the task: flyte, or boxkite. */
  readonly sdk?: { readonly name: string; readonly version: string };
  /** Of the image, where its builder noted it. */
  readonly base?: { readonly name: string; readonly digest: string };
  /** Of one that did not get a container of its own making. */
  readonly warm?: WarmStart;
  /** What the server added to its environment as defaults, where neither its image nor its run or task sets it. */
  readonly defaults?: Readonly<Record<string, string>>;
  /** Of one whose task has a reuse policy, and that got a container of its own all the same: why, for people. */
  readonly cold?: string;
}

export interface ProgramVersion {
  readonly path: string;
  readonly version: string;
}
