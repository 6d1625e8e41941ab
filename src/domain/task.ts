/** The part of a task's specification that Boxkite acts on; the rest is kept as the bytes it came in. */
import type { AttemptPolicy } from "./action.ts";
import type { RunKey } from "./ids.ts";
import type { Notification } from "./notification.ts";

export interface ResourceAmounts {
  /** Processors, e.g. 0.5. */
  readonly cpu?: number;
  readonly memoryBytes?: number;
  /** Whole devices. */
  readonly gpu?: number;
}

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
  /** As the user wrote it; resolved to a digest once per run. */
  readonly image: string;
  /** Images of the other environments of the same program, named in its arguments: pinned with this one. */
  readonly relatedImages: readonly string[];
  readonly command: readonly string[];
  /** With `{{.input}}`-style variables, filled in for each attempt. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly requests: ResourceAmounts;
  readonly limits: ResourceAmounts;
  readonly sharedMemoryBytes?: number;
  readonly policy: AttemptPolicy;
  readonly cache?: TaskCachePolicy;
  /** Object URIs named in the task itself (its code bundle): readable by every action that runs it. */
  readonly reads: readonly string[];
}

export interface TaskCachePolicy {
  readonly version: string;
  /** Of the task's inputs and outputs with their types. */
  readonly interfaceHash: string;
  readonly serialize: boolean;
  readonly ignoredInputs: readonly string[];
  readonly maxAgeMs?: number;
}

/** What was asked for a whole run; applies to each of its actions. */
export interface RunSettings {
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Where tasks put what they offload, instead of a prefix inside the run. An object URI. */
  readonly rawDataPrefix?: string;
  /** For every cached task of the run. */
  readonly cache: { readonly overwrite: boolean; readonly sameProject: boolean };
  /** Attempts of this run that compute at the same time; 0 = as many as the server allows. */
  readonly maxConcurrency: number;
  /** Of the actions that name none themselves. */
  readonly queue?: string;
  readonly notifications?: readonly Notification[];
  /** The run a task of which started this one: it may read what this one writes. */
  readonly spawnedBy?: RunKey;
  /** The run whose succeeded actions are taken over, but for these. */
  readonly recover?: { readonly run: string; readonly rerun: readonly string[] };
}

export const NO_SETTINGS: RunSettings = {
  env: {},
  labels: {},
  annotations: {},
  cache: { overwrite: false, sameProject: false },
  maxConcurrency: 0,
};
