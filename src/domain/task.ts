/** The part of a task's specification that Boxkite acts on; the rest is kept as the bytes it came in. */
import type { AttemptPolicy, TimeMs } from "./action.ts";
import type { TaskKey } from "./ids.ts";
import type { CallerRecord } from "./principal.ts";
import type { ReusePolicy } from "./reuse-policy.ts";

export interface ResourceAmounts {
  /** Processors, e.g. 0.5. */
  readonly cpu?: number;
  readonly memoryBytes?: number;
  /** Whole devices. */
  readonly gpu?: number;
}

/** Size of /dev/shm in bytes; "auto": as large as the task's memory limit, else as the machine's memory. */
export type SharedMemoryBytes = number | "auto";

export interface TaskDefinition {
  /** `<environment>.<function>`. */
  readonly name: string;
  readonly version: string;
  readonly shortName: string;
  /** "python", "typescript", …: which runtime it is written for. */
  readonly type: string;
  readonly environment: string;
  /** Its author says that runs start here. */
  readonly isEntrypoint?: boolean;
  /** As the user wrote it; resolved to a digest once per run. Empty for a sleep, which runs in none. */
  readonly image: string;
  /** Images of the other environments of the same program, named in its arguments: pinned with this one. */
  readonly relatedImages: readonly string[];
  /** Names of its inputs; absent in what an earlier version stored. */
  readonly inputs?: readonly string[];
  readonly command: readonly string[];
  /** With `{{.input}}`-style variables, filled in for each attempt. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** As its author wrote them; `resources.ts` says what follows where one of the two is not given. */
  readonly requests: ResourceAmounts;
  readonly limits: ResourceAmounts;
  readonly sharedMemoryBytes?: SharedMemoryBytes;
  /** The template of the server's settings that says what else its container may do. */
  readonly podTemplate?: string;
  /** Its attempts follow one another in resident workers, where the executor has such. */
  readonly reuse?: ReusePolicy;
  readonly policy: AttemptPolicy;
  readonly cache?: TaskCachePolicy;
  /** Object URIs named in the task itself (its code bundle): readable by every action that runs it. */
  readonly reads: readonly string[];
  /** The SDK that sent it; absent in what an earlier version stored. */
  readonly sentBy?: { readonly name: string; readonly version: string };
  /** Where its source is: a URL that the SDK made of its author's Git checkout, with the commit. */
  readonly sourceUrl?: string;
}

/** The images that a run of this task needs or may need, its own first. */
export function imagesOf({ image, relatedImages }: TaskDefinition): readonly string[] {
  return image === "" ? [] : [image, ...relatedImages];
}

export interface TaskCachePolicy {
  readonly version: string;
  /** Of the task's inputs and outputs with their types. */
  readonly interfaceHash: string;
  readonly serialize: boolean;
  readonly ignoredInputs: readonly string[];
  readonly maxAgeMs?: number;
}

export interface StoredSpec {
  /** Hex SHA-256 of `bytes`. */
  readonly digest: string;
  /** Serialized flyteidl2.task.TaskSpec. */
  readonly bytes: Uint8Array;
  readonly definition: TaskDefinition;
}

export interface TaskRecord {
  readonly key: TaskKey;
  readonly definition: TaskDefinition;
  readonly specDigest: string;
  readonly deployedAt: TimeMs;
  readonly deployedBy: CallerRecord;
}
