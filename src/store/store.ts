/**
 * What is on disk. Every method that changes something resolves after its change is durable; several
 * concurrent ones may share a commit. One method is one transaction: the state, its event, the
 * intended effects and the grants are written together or not at all.
 *
 * After a crash a store holds exactly the changes whose promises were resolved, and possibly some
 * whose promises were not.
 */
import type {
  ActionKind,
  ActionState,
  AttemptPolicy,
  CacheUse,
  ResultSource,
  TimeMs,
} from "../domain/action.ts";
import type { BuildRecord } from "../domain/build-record.ts";
import type { ActionKey, ProjectKey, RunKey, TaskKey } from "../domain/ids.ts";
import type { AttemptOutcome } from "../domain/outcome.ts";
import type { Phase } from "../domain/phase.ts";
import type { RunSettings, TaskDefinition } from "../domain/task.ts";
import type { Effect } from "../domain/transition.ts";

export interface StoredSpec {
  /** Hex SHA-256 of `bytes`. */
  readonly digest: string;
  /** Serialized flyteidl2.task.TaskSpec. */
  readonly bytes: Uint8Array;
  readonly definition: TaskDefinition;
}

export interface NewRun {
  readonly key: RunKey;
  /** Serialized flyteidl2.task.RunSpec, as it came. */
  readonly spec: Uint8Array;
  readonly settings: RunSettings;
  /** The prefix under which the run keeps all it writes. */
  readonly baseUri: string;
  readonly source: string;
  readonly createdAt: TimeMs;
}

export interface RunRecord extends NewRun {
  readonly id: number;
  readonly logsRemovedAt?: TimeMs | undefined;
}

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
  readonly state: ActionState;
  /** Grows with every change: the expected value of a compare-and-set. */
  readonly version: number;
  /** Sequence number of the last change, comparable over the whole store. */
  readonly seq: number;
}

/** What is known of the attempt that a change is about; undefined fields keep what is stored. */
export interface AttemptFacts {
  readonly attempt: number;
  readonly image?: RunImage | undefined;
  readonly startedAt?: TimeMs | undefined;
  readonly endedAt?: TimeMs | undefined;
  readonly exitCode?: number | undefined;
  readonly outcome?: AttemptOutcome | undefined;
  readonly error?: ActionState["error"] | undefined;
  readonly outputUri?: string | undefined;
}

export interface AttemptRecord {
  readonly attempt: number;
  readonly createdAt: TimeMs;
  readonly startedAt?: TimeMs | undefined;
  readonly endedAt?: TimeMs | undefined;
  readonly exitCode?: number | undefined;
  /** How it ended; undefined while it lives. */
  readonly outcome?: AttemptOutcome | undefined;
  readonly error?: ActionState["error"] | undefined;
  readonly outputUri?: string | undefined;
  readonly image?: RunImage | undefined;
  readonly transitions: readonly PhaseChange[];
}

export interface PhaseChange {
  readonly phase: Phase;
  readonly at: TimeMs;
  readonly reason?: string | undefined;
}

/** An image of a run: resolved once, used by all its actions. */
export interface RunImage {
  readonly reference: string;
  readonly pinned: string;
  readonly digest: string;
  readonly source: string;
  readonly note?: string | undefined;
}

export interface EffectRecord {
  readonly id: number;
  readonly action: ActionRecord;
  readonly effect: Effect;
  readonly createdAt: TimeMs;
}

export interface Advance {
  readonly action: ActionRecord;
  readonly state: ActionState;
  readonly effects: readonly Effect[];
  readonly attempt?: AttemptFacts | undefined;
  readonly grants?: readonly string[] | undefined;
  /** The change holds only if another action computes the same cached result (true), or none does (false). */
  readonly ifComputedElsewhere?: boolean | undefined;
  readonly at: TimeMs;
}

export interface CachedResult {
  readonly outputUri: string;
  readonly source: ResultSource;
  readonly createdAt: TimeMs;
}

export type Comparison =
  | "="
  | "!="
  | ">"
  | ">="
  | "<"
  | "<="
  | "contains"
  | "icontains"
  | "endswith"
  | "in"
  | "notin"
  | "exists"
  | "notexists";

export interface Condition {
  /** A field of the list; an unknown one is refused. */
  readonly field: string;
  readonly comparison: Comparison;
  readonly values: readonly (string | number)[];
}

export interface Page {
  readonly limit: number;
  /** From the page before; empty for the first. */
  readonly token: string;
  readonly where: readonly Condition[];
  readonly sort?: { readonly field: string; readonly ascending: boolean } | undefined;
}

export interface Paged<T> {
  readonly items: readonly T[];
  /** Empty when there is no further page. */
  readonly token: string;
}

/** Which runs a list is about; fields that are not set do not narrow it. */
export interface RunScope extends Partial<ProjectKey> {
  readonly taskName?: string;
  readonly taskVersion?: string;
  /** Runs in which some action, not only the root, waits for a person. */
  readonly withPausedAction?: boolean;
}

export interface ListedRun {
  readonly run: RunRecord;
  readonly root: ActionRecord;
}

export interface TaskRecord {
  readonly key: TaskKey;
  readonly definition: TaskDefinition;
  readonly specDigest: string;
  readonly deployedAt: TimeMs;
}

export interface ProjectRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: "active" | "archived";
  readonly createdAt: TimeMs;
}

export interface ImageUses {
  readonly deployments: readonly TaskKey[];
  readonly runs: readonly { readonly key: RunKey; readonly createdAt: TimeMs; readonly live: boolean }[];
}

export interface Store {
  /** A value that belongs to this store for ever, made by `create` the first time. */
  secret(name: string, create: () => string): Promise<string>;

  createProject(project: ProjectRecord): Promise<"created" | "exists">;
  updateProject(project: ProjectRecord): Promise<"updated" | "missing">;
  getProject(id: string): Promise<ProjectRecord | undefined>;
  listProjects(page: Page): Promise<Paged<ProjectRecord>>;

  /** A second deployment of the same name and version changes nothing. */
  deployTask(key: TaskKey, spec: StoredSpec, at: TimeMs): Promise<"created" | "exists">;
  getTask(key: TaskKey): Promise<TaskRecord | undefined>;
  /** Is this object part of a deployed task, e.g. its code bundle? */
  isNamedByDeployedTask(uri: string): Promise<boolean>;
  getSpec(digest: string): Promise<StoredSpec | undefined>;
  /** The newest version of each task. */
  listTasks(
    scope: Partial<ProjectKey> & { readonly isEntrypoint?: boolean },
    page: Page,
  ): Promise<Paged<TaskRecord>>;
  listTaskVersions(scope: ProjectKey & { readonly name: string }, page: Page): Promise<Paged<TaskRecord>>;

  /** `seeds`: finished actions that the run starts with. */
  createRun(
    run: NewRun,
    root: NewAction,
    images: readonly RunImage[],
    seeds?: readonly NewAction[],
  ): Promise<{ readonly run: RunRecord; readonly root: ActionRecord } | "exists">;
  getRun(key: RunKey): Promise<RunRecord | undefined>;
  listRuns(scope: RunScope, page: Page): Promise<Paged<ListedRun>>;

  /** Looked at in the same transaction: is the parent there, does it still live, and has the run room? */
  createAction(
    run: RunRecord,
    action: NewAction,
    maxActions?: number,
  ): Promise<ActionRecord | "exists" | "parent_missing" | "parent_ended" | "run_full">;
  getAction(key: ActionKey): Promise<ActionRecord | undefined>;
  listActions(run: RunKey, page: Page): Promise<Paged<ActionRecord>>;
  /**
   * Compare-and-set on `action.version`. An end whose cache status is "populated" keeps the result for
   * others in the same transaction.
   */
  advance(change: Advance): Promise<ActionRecord | "conflict">;
  /** The newest result under this key, of one project and domain or of any. */
  findCached(key: string, scope: ProjectKey | undefined): Promise<CachedResult | undefined>;
  /** Is another action at work on the same cached result? */
  isComputedElsewhere(action: ActionRecord): Promise<boolean>;
  /** Actions that wait until somebody else's work on this cached result has ended. */
  parkedFor(cacheKey: string): Promise<readonly ActionRecord[]>;
  /** Tasks, traces and conditions of a run that have a result. */
  succeededActions(run: RunRecord): Promise<readonly ActionRecord[]>;
  listAttempts(action: ActionRecord): Promise<readonly AttemptRecord[]>;

  /** Children of an action that changed after `afterSeq`, oldest change first. */
  changedChildren(
    run: RunRecord,
    parent: string,
    afterSeq: number,
    limit: number,
  ): Promise<readonly ActionRecord[]>;
  /** Actions of a run that changed after `afterSeq`, oldest change first. */
  changedActions(run: RunRecord, afterSeq: number, limit: number): Promise<readonly ActionRecord[]>;
  /** Children that have not ended. */
  liveChildren(action: ActionRecord, limit: number): Promise<readonly ActionRecord[]>;
  /** Calls back after each commit with the ids of what changed. A hint only. Returns the way to stop. */
  onChange(listener: (changes: readonly Change[]) => void): () => void;

  /** Names of the queues in which an action waits. */
  waitingQueues(): Promise<readonly string[]>;
  /** The longest-waiting action of each run in a queue that may start now, at most `limit` runs. */
  queueHeads(queue: string, now: TimeMs, limit: number): Promise<readonly ActionRecord[]>;
  /** Actions with an attempt that initializes or runs. */
  liveAttempts(): Promise<readonly ActionRecord[]>;
  /** Does the action have children that have not ended? */
  awaitsChildren(action: ActionRecord): Promise<boolean>;
  dueTimers(now: TimeMs, limit: number): Promise<readonly ActionRecord[]>;
  /** When something that time alone changes happens next: a timer, or the end of a delay in the queue. */
  nextWake(now: TimeMs): Promise<TimeMs | undefined>;
  /** Effects not done yet, oldest first: of these types if given, and not those `except`ed by their ids. */
  pendingEffects(
    limit: number,
    except?: readonly number[],
    types?: readonly Effect["type"][],
  ): Promise<readonly EffectRecord[]>;
  /** `following`: what its doing brought up, to be done from now on. */
  effectDone(id: number, at: TimeMs, following?: readonly Effect[]): Promise<void>;

  /** Records the image unless the run already has one for this reference; returns the one it has. */
  pinImage(run: RunRecord, image: RunImage): Promise<RunImage>;
  runImages(runId: number): Promise<readonly RunImage[]>;
  /** May the run read this object, beyond what it wrote itself? */
  isGranted(run: RunKey, uri: string): Promise<boolean>;

  /** Runs that ended before this time, all their actions too, and whose logs are still there. */
  runsWithLogs(endedBefore: TimeMs, limit: number): Promise<readonly RunRecord[]>;
  logsRemoved(run: RunRecord, at: TimeMs): Promise<void>;

  /** Records a build of an image; a later one of the same target replaces it. */
  recordBuild(build: BuildRecord): Promise<void>;
  findBuild(target: string): Promise<BuildRecord | undefined>;
  /** Newest first; all builds without a name. */
  listBuilds(name?: string): Promise<readonly BuildRecord[]>;
  removeBuild(target: string): Promise<void>;
  /** Deployed tasks and runs that name this image, by whichever of its names. */
  usesOfBuild(build: BuildRecord): Promise<ImageUses>;

  close(): Promise<void>;
}

export interface Change {
  readonly runId: number;
  readonly actionId: number;
  readonly parent?: string | undefined;
  readonly seq: number;
}
