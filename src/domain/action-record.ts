/** An action as it is accepted, and as it is kept. */
import type { AttemptFacts } from "./attempt.ts";
import type { ActionKind, ActionState, AttemptPolicy, CacheUse } from "./action.ts";
import type { ActionKey } from "./ids.ts";
import type { CpuCap } from "./resources.ts";
import type { StoredSpec } from "./task.ts";
import type { Effect } from "./transition.ts";

export interface NewAction {
  readonly name: string;
  readonly parent?: string | undefined;
  readonly kind: ActionKind;
  readonly group: string;
  /** Undefined: the queue that has no name. */
  readonly queue?: string | undefined;
  /** Of a task: its specification. */
  readonly spec?: StoredSpec | undefined;
  /** Of a trace or condition: the serialized message it was enqueued with. */
  readonly detail?: Uint8Array | undefined;
  /** For people: the task's, trace's or condition's own name. */
  readonly displayName: string;
  readonly inputUri: string;
  readonly policy: AttemptPolicy;
  readonly cache?: CacheUse | undefined;
  readonly state: ActionState;
  /** Of a sleep that begins when it is accepted. */
  readonly attempt?: AttemptFacts | undefined;
  /** Of a task that asked for more processors than there are. */
  readonly cpuCap?: CpuCap | undefined;
  /** What has to be done outside because it was accepted. */
  readonly effects?: readonly Effect[];
  /** Object URIs or prefixes that the run may read from now on. */
  readonly grants: readonly string[];
}

export interface ActionRecord {
  readonly id: number;
  readonly runId: number;
  readonly key: ActionKey;
  readonly parent?: string | undefined;
  readonly kind: ActionKind;
  readonly group: string;
  /** Empty for the one that has no name. */
  readonly queue: string;
  readonly specDigest?: string | undefined;
  readonly detail?: Uint8Array | undefined;
  readonly displayName: string;
  readonly taskName: string;
  readonly taskVersion: string;
  readonly taskType: string;
  readonly environment: string;
  readonly inputUri: string;
  readonly policy: AttemptPolicy;
  readonly cache?: CacheUse | undefined;
  /** Of a task that asked for more processors than there were when it was accepted. */
  readonly cpuCap?: CpuCap | undefined;
  readonly state: ActionState;
  /** Grows with every change: the expected value of a compare-and-set. */
  readonly version: number;
  /** Of the last change: grows with every change of the run, and is comparable within it only. */
  readonly seq: number;
}
