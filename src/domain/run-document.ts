/**
 * What a server says of a run and of one of its actions, as JSON at `/v2/domain/D/project/P/runs/R/document`. Clients show
 * it and compare two of them. Times are in milliseconds since the epoch, sizes in bytes.
 */
import type { ActionError, ActionKind, CacheStatus, ResultSource, TimeMs } from "./action.ts";
import type { AttemptOutcome } from "./attempt.ts";
import type { LayerFacts } from "./image-facts.ts";
import type { ResolvedImage } from "./image.ts";
import type { Phase } from "./phase.ts";
import type { Provenance } from "./provenance.ts";
import type { RunStatus } from "./run-status.ts";
import type { ResourceAmounts, SharedMemoryBytes } from "./task.ts";

/** Raised when a field changes its meaning or goes; one that is added does not change it. */
export const DOCUMENT_VERSION = 1;

export interface RunDocument {
  /** `DOCUMENT_VERSION`. */
  readonly version: number;
  readonly run: RunEntry;
  /** The one that was asked for; the root by default. */
  readonly action: ActionEntry;
  /** That of the action; with the root those of all actions. */
  readonly images: readonly ImageEntry[];
  /** How many more there are. */
  readonly omittedImages: number;
  /** With the root: its tasks in the order of their first actions. */
  readonly tasks: readonly TaskTotals[];
  /** With the root of a run that failed. */
  readonly failure?: FailureEntry;
}

export interface RunEntry {
  readonly project: string;
  readonly domain: string;
  readonly name: string;
  readonly status: RunStatus;
  readonly startedBy: string;
  readonly client: string;
  readonly baseUri: string;
  readonly settings: SettingsEntry;
}

export interface SettingsEntry {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly overwriteCache: boolean;
  readonly cacheOfSameProject: boolean;
  /** 0: as many as the server allows. */
  readonly maxConcurrency: number;
  readonly queue?: string;
  readonly rawDataPrefix?: string;
  readonly recovers?: string;
}

export interface ActionEntry {
  readonly name: string;
  readonly displayName: string;
  readonly kind: ActionKind;
  readonly parent?: string;
  readonly group: string;
  readonly queue: string;
  readonly phase: Phase;
  readonly reason?: string;
  readonly createdAt: TimeMs;
  readonly startedAt?: TimeMs;
  readonly endedAt?: TimeMs;
  readonly cacheStatus: CacheStatus;
  readonly resultOf?: ResultSource;
  readonly inputUri: string;
  readonly outputUri?: string;
  readonly inputs: InputsEntry;
  readonly task?: TaskEntry;
  /** Of its containers: the run's variables and the task's own, by name. */
  readonly environment: readonly FingerprintedVariable[];
  readonly error?: ActionError;
  readonly abortReason?: string;
  /** The last ones. */
  readonly attempts: readonly AttemptEntry[];
}

export interface InputsEntry {
  readonly values: readonly InputValue[];
  /** How many more there are. */
  readonly omitted: number;
  /** Why there are none here although the action has some. */
  readonly unread?: "too large" | "not readable";
}

export interface InputValue {
  readonly name: string;
  /** Cut where it is long. */
  readonly text: string;
  /** Of the whole value: two values are the same if theirs are. */
  readonly hash: string;
}

export interface FingerprintedVariable {
  readonly name: string;
  /** Of name and value, with a key that only the server has: the value may be secret. */
  readonly fingerprint: string;
}

export interface TaskEntry {
  readonly name: string;
  readonly version: string;
  readonly type: string;
  readonly environment: string;
  readonly image: string;
  readonly requests: ResourceAmounts;
  readonly limits: ResourceAmounts;
  readonly sharedMemoryBytes?: SharedMemoryBytes;
  readonly podTemplate?: string;
  readonly retries: number;
  readonly queuedTimeoutMs?: number;
  readonly maxRuntimeMs?: number;
  readonly deadlineMs?: number;
  readonly cacheVersion?: string;
}

export interface AttemptEntry {
  readonly attempt: number;
  readonly outcome?: AttemptOutcome;
  readonly createdAt: TimeMs;
  readonly startedAt?: TimeMs;
  readonly endedAt?: TimeMs;
  readonly exitCode?: number;
  readonly error?: ActionError;
  readonly provenance: Provenance;
}

export interface ImageEntry extends ResolvedImage {
  /** Absent where nobody has read the image: `boxkite images check` does. */
  readonly contents?: ImageContents;
}

export interface ImageContents {
  readonly platform: string;
  readonly sizeBytes: number;
  readonly os?: string;
  readonly base?: { readonly name: string; readonly digest: string };
  readonly layers: readonly Pick<LayerFacts, "digest" | "sizeBytes">[];
  /** The interpreter that tasks run with. */
  readonly python?: PythonEntry;
  readonly node?: { readonly path: string; readonly version?: string; readonly boxkite?: string };
}

export interface PythonEntry {
  readonly path: string;
  readonly version?: string;
  readonly libc?: string;
  readonly packages: Readonly<Record<string, string>>;
  /** How many more there are. */
  readonly omittedPackages: number;
}

/** Of all actions of one task in a run. */
export interface TaskTotals {
  readonly task: string;
  readonly actions: number;
  readonly failed: number;
  /** From creation to start, of those that started. */
  readonly queuedMs: number;
  /** From start to end, of those that ended. */
  readonly runningMs: number;
  /** The action that was accepted first. */
  readonly first: string;
}

export interface FailureEntry {
  /** Actions from the root down to the one whose error the others passed on. */
  readonly path: readonly string[];
  readonly action: ActionEntry;
}
