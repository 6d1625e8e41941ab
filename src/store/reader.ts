/**
 * The store, read-only: all that pages, services and lists see of it, so that a handler cannot bypass the
 * orchestrator.
 */
import type { AccessToken } from "../domain/access-token.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { TimeMs } from "../domain/action.ts";
import type { CachedResult } from "../domain/action.ts";
import type { AttemptKey, AttemptRecord } from "../domain/attempt.ts";
import type { BuildRecord, ImageUses } from "../domain/build-record.ts";
import type { ActionKey, ProjectKey, RunKey, TaskKey } from "../domain/ids.ts";
import type { ImageFacts, ImageFactsKey } from "../domain/image-facts.ts";
import type { RuntimeFit } from "../domain/runtime-fit.ts";
import type { NewestPin, ResolvedImage } from "../domain/image.ts";
import type { ListedRun, ListQuery, ListResult, RunScope } from "../domain/list.ts";
import type { ProjectRecord } from "../domain/project.ts";
import type { RunNotes } from "../domain/run-note.ts";
import type { RunRecord } from "../domain/run.ts";
import type { TaskTotals } from "../domain/run-document.ts";
import type { Session, SessionKind } from "../domain/session.ts";
import type { RunStatus } from "../domain/run-status.ts";
import type { StoredSpec, TaskDefinition, TaskRecord } from "../domain/task.ts";

/** Called with actions as a commit left them. */
export type OnChange = (changed: readonly ActionRecord[]) => void;

export interface StoreReader {
  getProject(id: string): Promise<ProjectRecord | undefined>;
  listProjects(query: ListQuery): Promise<ListResult<ProjectRecord>>;

  getTask(key: TaskKey): Promise<TaskRecord | undefined>;
  /** Does a deployed task name this object, e.g. as its code bundle? */
  isNamedByDeployedTask(uri: string): Promise<boolean>;
  /** The same of a task that was deployed or has run. */
  isNamedByTask(uri: string): Promise<boolean>;
  getSpec(digest: string): Promise<StoredSpec | undefined>;
  /** The newest version of each task. */
  listTasks(
    scope: Partial<ProjectKey> & { readonly isEntrypoint?: boolean },
    query: ListQuery,
  ): Promise<ListResult<TaskRecord>>;
  listTaskVersions(
    scope: ProjectKey & { readonly name: string },
    query: ListQuery,
  ): Promise<ListResult<TaskRecord>>;

  getRun(key: RunKey): Promise<RunRecord | undefined>;
  /** Fields are those of the root; `status` is the run's, and `phase` what clients get (domain/run-status.ts). */
  listRuns(scope: RunScope, query: ListQuery): Promise<ListResult<ListedRun>>;
  /** How many runs have each status; one that no run has is left out. */
  countRuns(scope: Partial<ProjectKey>): Promise<ReadonlyMap<RunStatus, number>>;
  /** How many runs of a project have not ended, in all domains; counted up to `most`. */
  liveRuns(project: string, most: number): Promise<number>;
  /**
   * Runs whose root changed, oldest change first, and the cursor for the next call; `after` is the cursor of an
   * earlier call, empty for all runs. As many as the limit: there may be more. No change is missed, even where commits
   * become visible in another order than they were made in: the cursor never passes a change that may still appear, so
   * an unchanged run may be returned again (the same `root.seq`), and a cursor that stays means: call again after the
   * next change.
   */
  changedRuns(
    scope: RunScope,
    after: string,
    limit: number,
  ): Promise<{ readonly items: readonly ListedRun[]; readonly cursor: string }>;
  runImages(runId: number): Promise<readonly ResolvedImage[]>;
  /** What the newest run of this project and domain used for a reference; `before`: of the runs with lower ids. */
  newestPin(scope: ProjectKey, reference: string, before?: number): Promise<NewestPin | undefined>;
  /**
   * Tasks that a finished run of this task called, in the order of their first calls: the newest run of the same version
   * that succeeded, else of it the newest, else of another version. Only some of the newest runs, and of their actions, are
   * considered. `image`: the reference of the task's own.
   */
  calledBefore(task: TaskKey & { readonly image: string }, limit: number): Promise<readonly TaskDefinition[]>;
  /** What checks of its images found. */
  runNotes(run: RunRecord): Promise<RunNotes>;
  /** May the run read this object, beyond what it wrote itself? */
  isGranted(run: RunKey, uri: string): Promise<boolean>;

  /** Did a task of `starter` start the run, directly or by runs in between? */
  isStartedBy(run: RunKey, starter: RunKey): Promise<boolean>;

  /** Is it the present attempt of its action, and has not ended? */
  isLive(attempt: AttemptKey): Promise<boolean>;
  /** The attempts that have not ended, of those that were made before this time. */
  liveAttemptsBefore(at: TimeMs): Promise<readonly AttemptKey[]>;
  getAction(key: ActionKey): Promise<ActionRecord | undefined>;
  listActions(run: RunKey, query: ListQuery): Promise<ListResult<ActionRecord>>;
  listAttempts(action: ActionRecord): Promise<readonly AttemptRecord[]>;
  /** Children in the order in which they were accepted; `after`: the id of the last one that is known, or 0. */
  children(runId: number, parent: string, after: number, limit: number): Promise<readonly ActionRecord[]>;
  /** Children that failed or timed out, the one that ended first before the others. */
  failedChildren(action: ActionRecord, limit: number): Promise<readonly ActionRecord[]>;
  /** Actions of a run that wait for a person, oldest first. */
  pausedActions(runId: number, limit: number): Promise<readonly ActionRecord[]>;
  /** Of each queue in which the run waits, its action that waits the longest. */
  waitingActions(runId: number): Promise<readonly ActionRecord[]>;
  /** How many other runs wait in the action's queue, and for longer than it; no more than the limit are counted. */
  runsAhead(action: ActionRecord, limit: number): Promise<number>;
  /** Of each task of a run, in the order of their first actions: what its actions took together. */
  taskTotals(runId: number, limit: number): Promise<readonly TaskTotals[]>;
  /** Tasks, traces and conditions of a run that have a result. */
  succeededActions(run: RunRecord): Promise<readonly ActionRecord[]>;
  /** The newest result under this key, of one project and domain or of any. */
  findCached(key: string, scope: ProjectKey | undefined): Promise<CachedResult | undefined>;

  /**
   * Children of an action that changed after `afterSeq`, oldest change first. The changes of one run become
   * visible in the order of their numbers, so the highest number that was read is a cursor on that run.
   */
  changedChildren(
    run: RunRecord,
    parent: string,
    afterSeq: number,
    limit: number,
  ): Promise<readonly ActionRecord[]>;
  /** Actions of a run that changed after `afterSeq`, oldest change first. */
  changedActions(run: RunRecord, afterSeq: number, limit: number): Promise<readonly ActionRecord[]>;
  /**
   * Calls back after each commit with the actions that it changed: for a write of this process once, before its
   * promise resolves; for writes of other processes at best effort. Returns a function that unsubscribes.
   */
  onChange(listener: OnChange): () => void;

  findBuild(target: string): Promise<BuildRecord | undefined>;
  /** Newest first; all builds without a name. */
  listBuilds(name?: string): Promise<readonly BuildRecord[]>;
  findImageFacts(key: ImageFactsKey): Promise<ImageFacts | undefined>;
  /** The key is the one that it was recorded with. */
  findRuntimeFit(key: string): Promise<RuntimeFit | undefined>;

  /** Deployed tasks and runs that name this image, by any of its names. */
  usesOfBuild(build: BuildRecord): Promise<ImageUses>;

  getToken(id: string): Promise<AccessToken | undefined>;
  /** All of them, those that are revoked or have expired too; the oldest first. */
  listTokens(): Promise<readonly AccessToken[]>;
  /** Also one that has expired, for as long as it is stored. */
  findSession(kind: SessionKind, hash: string): Promise<Session | undefined>;
}
