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
import type { Principal } from "../domain/principal.ts";
import type { ProjectRecord } from "../domain/project.ts";
import type { NewRun, RunRecord } from "../domain/run.ts";
import type { ResourceAmounts, StoredSpec } from "../domain/task.ts";
import type { Effect } from "../domain/transition.ts";
import type { StoreReader } from "./reader.ts";

export interface EffectRecord {
  readonly id: number;
  readonly action: ActionRecord;
  readonly effect: Effect;
  readonly createdAt: TimeMs;
}

/** Effects that are read apart: `webhooks` call strangers, who may hold up one another and nothing else. */
export type EffectLane = "own" | "webhooks";

/** An action that wants or has an attempt, with what its slot depends on. */
export interface Demand {
  readonly action: ActionRecord;
  /** What it takes while it runs. */
  readonly takes: ResourceAmounts;
  /** Attempts of its run that may compute at the same time; 0 = as many as the server allows. */
  readonly maxConcurrency: number;
}

/** An action that has not ended, and the one that awaits it. */
export interface UnfinishedChild {
  readonly id: number;
  readonly runId: number;
  readonly parent: string;
}

export interface Advance {
  readonly action: ActionRecord;
  readonly state: ActionState;
  readonly effects: readonly Effect[];
  readonly attempt?: AttemptFacts | undefined;
  readonly grants?: readonly string[] | undefined;
  /** Who asked for it, where somebody did. */
  readonly by?: Principal | undefined;
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
  deployTask(key: TaskKey, spec: StoredSpec, at: TimeMs, by: Principal): Promise<"created" | "exists">;

  /** `seeds`: finished actions that the run starts with. */
  createRun(
    run: NewRun,
    root: NewAction,
    images: readonly ResolvedImage[],
    seeds?: readonly NewAction[],
  ): Promise<{ readonly run: RunRecord; readonly root: ActionRecord } | "exists">;
  /** Records the image unless the run already has one for this reference; returns the one it has. */
  pinImage(run: RunRecord, image: ResolvedImage): Promise<ResolvedImage>;

  /** Read in the same transaction: is the parent there, does it still live, and may the run have another? */
  createAction(
    run: RunRecord,
    action: NewAction,
    by: Principal,
    maxActions?: number,
  ): Promise<ActionRecord | "exists" | "parent_missing" | "parent_ended" | "run_full">;
  /** Is another action at work on the same cached result? */
  isComputedElsewhere(action: ActionRecord): Promise<boolean>;
  /** Actions that wait until somebody else's work on this cached result has ended; not those that await children. */
  parkedFor(cacheKey: string): Promise<readonly ActionRecord[]>;
  /** Children that have not ended. */
  liveChildren(action: ActionRecord, limit: number): Promise<readonly ActionRecord[]>;

  /** Does the action have children that have not ended? */
  awaitsChildren(action: ActionRecord): Promise<boolean>;
  /**
   * Makes `owner` the one who drives the runs, in place of whoever did before: what that one still writes
   * is refused with LEASE_LOST.
   */
  acquire(owner: string): Promise<Work>;

  /** Runs that ended before this time, all their actions too, and whose logs are still there. */
  runsWithLogs(endedBefore: TimeMs, limit: number): Promise<readonly RunRecord[]>;
  logsRemoved(run: RunRecord, at: TimeMs): Promise<void>;

  /** Records a build of an image; a later one of the same target replaces it. */
  recordBuild(build: BuildRecord): Promise<void>;
  removeBuild(target: string): Promise<void>;

  close(): Promise<void>;
}

/**
 * What the owner of the lease has to do, and the writes by which it does it. Each write holds only while the
 * lease does: afterwards it throws LEASE_LOST and changes nothing.
 */
export interface Work {
  /** Of this lease: higher than that of every earlier one. */
  readonly fence: number;
  /**
   * Compare-and-set on `action.version`. An end whose cache status is "populated" keeps the result for
   * others in the same transaction.
   */
  advance(change: Advance): Promise<ActionRecord | "conflict">;
  /**
   * What became known of an attempt after its action had moved on. The state of the action stays as it is, but
   * its `seq` grows: whoever watches it reads its attempts again.
   */
  recordAttempt(action: ActionRecord, facts: AttemptFacts, at: TimeMs): Promise<void>;

  /** Names of the queues in which an action waits. */
  waitingQueues(): Promise<readonly string[]>;
  /**
   * The longest-waiting action of each run in a queue that may start now: of at most `limit` runs, those that wait
   * the longest first, but for some by their ids.
   */
  queueHeads(
    queue: string,
    now: TimeMs,
    limit: number,
    exceptRuns?: readonly number[],
  ): Promise<readonly Demand[]>;
  /** Actions with an attempt that initializes, runs, or waits for capacity at the executor. */
  liveAttempts(): Promise<readonly Demand[]>;
  /** Children of all parents that have not ended. */
  unfinishedChildren(): Promise<readonly UnfinishedChild[]>;
  dueTimers(now: TimeMs, limit: number): Promise<readonly ActionRecord[]>;
  /** When the next time limit strikes. */
  nextTimer(): Promise<TimeMs | undefined>;
  /** The earliest time after this one at which something in a queue may start that may not before. */
  nextDelayEnd(after: TimeMs): Promise<TimeMs | undefined>;
  /**
   * Moves the times of unfinished actions that lie in the future, because the machine's clock was set back since,
   * to `now`, and what is counted from them by as much. Parked ones stay so. Effects that were put off
   * are due. Resolves with the number of actions.
   */
  rebaseTimes(now: TimeMs): Promise<number>;
  /** Effects of a lane that are due, those that were never put off first, but for some by their ids. */
  pendingEffects(
    lane: EffectLane,
    now: TimeMs,
    limit: number,
    except?: readonly number[],
  ): Promise<readonly EffectRecord[]>;
  /** When the next effect that was put off is due. */
  nextEffect(now: TimeMs): Promise<TimeMs | undefined>;
  /** Not due before then. */
  postponeEffect(id: number, until: TimeMs): Promise<void>;
  /** `following`: what its doing brought up, to be done from now on. */
  effectDone(id: number, at: TimeMs, following?: readonly Effect[]): Promise<void>;
}
