/**
 * The persistent store. Every method that changes something resolves once its change is durable; concurrent
 * calls may share a commit. One method is one transaction: the state, its event, the intended effects and the
 * grants are written together or not at all.
 *
 * After a crash the store holds every change whose promise was resolved, and possibly some whose promise was not.
 */
import type { AccessToken, Grant } from "../domain/access-token.ts";
import type { ActionRecord, NewAction } from "../domain/action-record.ts";
import type { ActionState, TimeMs } from "../domain/action.ts";
import type { AttemptFacts } from "../domain/attempt.ts";
import type { BuildRecord } from "../domain/build-record.ts";
import type { RunKey, TaskKey } from "../domain/ids.ts";
import type { ImageFacts, ImageFactsKey } from "../domain/image-facts.ts";
import type { ResolvedImage } from "../domain/image.ts";
import type { CallerRecord } from "../domain/principal.ts";
import type { ProjectRecord } from "../domain/project.ts";
import type { RunNote } from "../domain/run-note.ts";
import type { NewRun, RunRecord } from "../domain/run.ts";
import type { Session, SessionKind } from "../domain/session.ts";
import type { RuntimeFit } from "../domain/runtime-fit.ts";
import type { ResourceAmounts, StoredSpec, TaskDefinition } from "../domain/task.ts";
import type { Effect } from "../domain/transition.ts";
import type { StoreReader } from "./reader.ts";

export interface EffectRecord {
  readonly id: number;
  readonly action: ActionRecord;
  readonly effect: Effect;
  readonly createdAt: TimeMs;
}

/** Effects are read by lane: `webhooks` call other servers, and a slow one delays no effect of the other lane. */
export type EffectLane = "own" | "webhooks";

/** An action that waits for an attempt or has one, with what its admission depends on. */
export interface Demand {
  readonly action: ActionRecord;
  /** Resources that it uses while it runs. */
  readonly takes: ResourceAmounts;
  /** Limit of concurrent attempts of its run; 0 = the server's. */
  readonly maxConcurrency: number;
}

/** A child that has not ended. */
export interface UnfinishedChild {
  readonly id: number;
  readonly runId: number;
  readonly parent: string;
}

/** What an attempt is made from. */
export interface AttemptSources {
  readonly run: RunRecord;
  readonly definition: TaskDefinition;
  /** The one that the run uses for the task's reference; undefined where it has not used that yet. */
  readonly image: ResolvedImage | undefined;
}

/** Why an action is not accepted. */
export type ActionRefusal = "exists" | "parent_missing" | "parent_ended" | "parent_sleeps" | "run_full";

export interface Advance {
  readonly action: ActionRecord;
  readonly state: ActionState;
  /** What it was in between, which is an event of its own. */
  readonly through?: { readonly state: ActionState; readonly at: TimeMs } | undefined;
  readonly effects: readonly Effect[];
  readonly attempt?: AttemptFacts | undefined;
  readonly grants?: readonly string[] | undefined;
  /** Who asked for the change; undefined: the orchestrator itself. */
  readonly by?: CallerRecord | undefined;
  /** Condition of the change: another action computes the same cached result (true), or none does (false). */
  readonly ifComputedElsewhere?: boolean | undefined;
  readonly at: TimeMs;
}

export interface Store extends StoreReader {
  /** A value that stays the same for the life of this store, made by `create` on first use. */
  secret(name: string, create: () => string): Promise<string>;
  findSecret(name: string): Promise<string | undefined>;
  /** Replaces a secret, or makes it, and resolves with the new value. `next` must not throw. */
  changeSecret(name: string, next: (known: string | undefined) => string): Promise<string>;

  createProject(project: ProjectRecord): Promise<"created" | "exists">;
  updateProject(project: ProjectRecord): Promise<"updated" | "missing">;

  /** A second deployment of the same name and version changes nothing. */
  deployTask(key: TaskKey, spec: StoredSpec, at: TimeMs, by: CallerRecord): Promise<"created" | "exists">;

  /** `seeds`: ended actions that the run starts with. */
  createRun(
    run: NewRun,
    root: NewAction,
    images: readonly ResolvedImage[],
    seeds?: readonly NewAction[],
  ): Promise<{ readonly run: RunRecord; readonly root: ActionRecord } | "exists">;
  /** Lets the run read these objects; a URI that ends in `/` is a prefix. */
  grant(run: RunKey, uris: readonly string[]): Promise<void>;
  /** Records the image unless the run already has one for this reference; returns the one it has. */
  pinImage(run: RunRecord, image: ResolvedImage): Promise<ResolvedImage>;
  /** What runs used for this reference up to now does not count for later ones. `missing`: no run has used it. */
  unpinImage(reference: string): Promise<"unpinned" | "missing">;
  /** Adds notes, up to MAX_RUN_NOTES of a run; one of the same image and code that the run has stays as it is. */
  recordRunNotes(run: RunRecord, notes: readonly RunNote[]): Promise<void>;

  /** Checks in the same transaction that the parent exists and has not ended, and the limit of the run. */
  createAction(
    run: RunRecord,
    action: NewAction,
    by: CallerRecord,
    maxActions?: number,
  ): Promise<ActionRecord | ActionRefusal>;
  /** Does another action compute the same cached result? */
  isComputedElsewhere(action: ActionRecord): Promise<boolean>;
  /** Actions that wait for another action to compute this cached result; not those that await children. */
  parkedFor(cacheKey: string): Promise<readonly ActionRecord[]>;
  /** Children that have not ended. */
  liveChildren(action: ActionRecord, limit: number): Promise<readonly ActionRecord[]>;

  /** Undefined where the run or the task of the action is gone. */
  attemptSources(action: Pick<ActionRecord, "runId" | "specDigest">): Promise<AttemptSources | undefined>;

  /** Does the action have children that have not ended? */
  awaitsChildren(action: ActionRecord): Promise<boolean>;
  /**
   * Makes `owner` the owner of the lease, which drives the runs. Later writes of the previous owner are refused
   * with LEASE_LOST.
   */
  acquire(owner: string): Promise<Work>;

  /** Runs that ended before this time, all their actions too, and whose logs are still there. */
  runsWithLogs(endedBefore: TimeMs, limit: number): Promise<readonly RunRecord[]>;
  logsRemoved(run: RunRecord, at: TimeMs): Promise<void>;

  /** Records a build of an image; a later one of the same target replaces it. */
  recordBuild(build: BuildRecord): Promise<void>;
  removeBuild(target: string): Promise<void>;

  /** Of the images that were read last; earlier ones are forgotten. */
  recordImageFacts(key: ImageFactsKey, facts: ImageFacts, at: TimeMs): Promise<void>;
  /** Of those that were found last; earlier ones are forgotten. */
  recordRuntimeFit(key: string, fit: RuntimeFit, at: TimeMs): Promise<void>;

  /** `exists`: a token that is not revoked has the name, or any has the id. */
  createToken(token: AccessToken): Promise<"created" | "exists">;
  /** Replaces all of them. `missing` also for a token that is revoked. */
  setTokenGrants(id: string, grants: readonly Grant[]): Promise<"updated" | "missing">;
  /** For ever. `missing` also for a token that is revoked already. */
  revokeToken(id: string, at: TimeMs): Promise<"revoked" | "missing">;
  tokenUsed(id: string, at: TimeMs): Promise<void>;

  /** Ends those that have expired at this time, and of `most` or more of its kind and token the oldest. */
  beginSession(session: Session, limits: { readonly at: TimeMs; readonly most: number }): Promise<void>;
  endSession(kind: SessionKind, hash: string): Promise<void>;

  /** Throws DATA_DIRECTORY_UNUSABLE where what is read and written would not last. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The pending work of the owner of the lease, and the writes by which it is done. Once the lease is lost, each
 * write throws LEASE_LOST and changes nothing, unless it says otherwise.
 */
export interface Work {
  /**
   * As `Store.createAction`. Where nothing waits in any queue it accepts `begun`, the same action as it is once it is admitted:
   * both are one commit then. Never throws LEASE_LOST: without the lease nothing is admitted.
   */
  acceptBegun(
    run: RunRecord,
    action: NewAction,
    begun: NewAction,
    by: CallerRecord,
    maxActions?: number,
  ): Promise<ActionRecord | ActionRefusal>;
  /**
   * Compare-and-set on `action.version`. An end whose cache status is "populated" keeps the result for
   * others in the same transaction.
   */
  advance(change: Advance): Promise<ActionRecord | "conflict">;
  /**
   * Records facts about an attempt after its action has moved on. The state of the action stays as it is, but its
   * `seq` grows: its watchers read the attempts again.
   */
  recordAttempt(action: ActionRecord, facts: AttemptFacts, at: TimeMs): Promise<void>;

  /** Names of the queues in which an action waits. */
  waitingQueues(): Promise<readonly string[]>;
  /**
   * Of each run with an action in the queue that may start now, the one that waits the longest; at most `limit`
   * runs, those that wait the longest first. `exceptRuns`: ids of runs to leave out. `wanted`: where there are fewer runs,
   * also those that wait next, the same number of each run, up to so many together; those of one run stand together.
   */
  queueHeads(
    queue: string,
    now: TimeMs,
    limit: number,
    exceptRuns?: readonly number[],
    wanted?: number,
  ): Promise<readonly Demand[]>;
  /** Actions with an attempt that initializes, runs, or waits for capacity at the executor. */
  liveAttempts(): Promise<readonly Demand[]>;
  /** Children of all parents that have not ended. */
  unfinishedChildren(): Promise<readonly UnfinishedChild[]>;
  dueTimers(now: TimeMs, limit: number): Promise<readonly ActionRecord[]>;
  /** When the next time limit is due. */
  nextTimer(): Promise<TimeMs | undefined>;
  /** The earliest `notBefore` after this time of an action in a queue. */
  nextDelayEnd(after: TimeMs): Promise<TimeMs | undefined>;
  /**
   * Corrects unfinished actions after the machine's clock was set back: times that lie in the future are moved to
   * `now`, and delays and limits that are counted from them by as much. Parked actions stay parked. Postponed
   * effects become due. Resolves with the number of actions that changed.
   */
  rebaseTimes(now: TimeMs): Promise<number>;
  /** Is there an effect of this lane that was not performed, due or not? */
  hasEffects(lane: EffectLane): Promise<boolean>;
  /** Due effects of a lane, those that were never postponed first; `except`: ids to leave out. */
  pendingEffects(
    lane: EffectLane,
    now: TimeMs,
    limit: number,
    except?: readonly number[],
  ): Promise<readonly EffectRecord[]>;
  /** When the next postponed effect is due. */
  nextEffect(now: TimeMs): Promise<TimeMs | undefined>;
  /** The effect is not due before `until`. */
  postponeEffect(id: number, until: TimeMs): Promise<void>;
  /** Removes the effect, and adds the effects that follow from it. */
  effectDone(id: number, at: TimeMs, following?: readonly Effect[]): Promise<void>;
}
