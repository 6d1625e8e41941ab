/**
 * What is on disk. Every method that changes something resolves after its change is durable; several
 * concurrent ones may share a commit. One method is one transaction: the state, its event, the
 * intended effects and the grants are written together or not at all.
 *
 * After a crash a store holds exactly the changes whose promises were resolved, and possibly some
 * whose promises were not.
 */
import type { ActionRecord, NewAction } from "../domain/action-record.ts";
import type { ActionState, TimeMs } from "../domain/action.ts";
import type { AttemptFacts } from "../domain/attempt.ts";
import type { BuildRecord } from "../domain/build-record.ts";
import type { TaskKey } from "../domain/ids.ts";
import type { ResolvedImage } from "../domain/image.ts";
import type { ProjectRecord } from "../domain/project.ts";
import type { NewRun, RunRecord } from "../domain/run.ts";
import type { StoredSpec } from "../domain/task.ts";
import type { Effect } from "../domain/transition.ts";
import type { StoreReader } from "./reader.ts";

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

export interface Store extends StoreReader {
  /** A value that belongs to this store for ever, made by `create` the first time. */
  secret(name: string, create: () => string): Promise<string>;

  createProject(project: ProjectRecord): Promise<"created" | "exists">;
  updateProject(project: ProjectRecord): Promise<"updated" | "missing">;

  /** A second deployment of the same name and version changes nothing. */
  deployTask(key: TaskKey, spec: StoredSpec, at: TimeMs): Promise<"created" | "exists">;

  /** `seeds`: finished actions that the run starts with. */
  createRun(
    run: NewRun,
    root: NewAction,
    images: readonly ResolvedImage[],
    seeds?: readonly NewAction[],
  ): Promise<{ readonly run: RunRecord; readonly root: ActionRecord } | "exists">;
  /** Records the image unless the run already has one for this reference; returns the one it has. */
  pinImage(run: RunRecord, image: ResolvedImage): Promise<ResolvedImage>;

  /** Read in the same transaction: is the parent there, does it still live, and has the run room? */
  createAction(
    run: RunRecord,
    action: NewAction,
    maxActions?: number,
  ): Promise<ActionRecord | "exists" | "parent_missing" | "parent_ended" | "run_full">;
  /**
   * Compare-and-set on `action.version`. An end whose cache status is "populated" keeps the result for
   * others in the same transaction.
   */
  advance(change: Advance): Promise<ActionRecord | "conflict">;
  /** What became known of an attempt after its action had moved on; the action stays as it is. */
  recordAttempt(action: ActionRecord, facts: AttemptFacts, at: TimeMs): Promise<void>;
  /** Is another action at work on the same cached result? */
  isComputedElsewhere(action: ActionRecord): Promise<boolean>;
  /** Actions that wait until somebody else's work on this cached result has ended. */
  parkedFor(cacheKey: string): Promise<readonly ActionRecord[]>;
  /** Children that have not ended. */
  liveChildren(action: ActionRecord, limit: number): Promise<readonly ActionRecord[]>;

  /** Names of the queues in which an action waits. */
  waitingQueues(): Promise<readonly string[]>;
  /** The longest-waiting action of each run in a queue that may start now, at most `limit` runs. */
  queueHeads(queue: string, now: TimeMs, limit: number): Promise<readonly ActionRecord[]>;
  /** Actions with an attempt that initializes, runs, or waits for room at the executor. */
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

  /** Runs that ended before this time, all their actions too, and whose logs are still there. */
  runsWithLogs(endedBefore: TimeMs, limit: number): Promise<readonly RunRecord[]>;
  logsRemoved(run: RunRecord, at: TimeMs): Promise<void>;

  /** Records a build of an image; a later one of the same target replaces it. */
  recordBuild(build: BuildRecord): Promise<void>;
  removeBuild(target: string): Promise<void>;

  close(): Promise<void>;
}
