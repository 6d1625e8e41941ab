/** An attempt that a worker of mode fork or resident has, and what is needed to drive it. */
import type { LimitFacts, LogSink } from "../../domain/attempt.ts";
import type { AttemptStart } from "../../domain/attempt-start.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { AttemptObserver, AttemptSpec } from "../executor.ts";
import type { Pulling } from "../attempt-chart.ts";
import { watchDirectory } from "../output/directory-watch.ts";
import { followOutput, type Offsets, type OutputFollower } from "../output/output-follower.ts";
import { openOwnFileAtOnce } from "../output/own-file.ts";
import { Wakeup } from "../wakeup.ts";
import type { Assignment, Assignments } from "./assignments.ts";
import type { AttemptFiles } from "./attempt-files.ts";
import type { PlannedAttempt } from "./plan.ts";
import { SparseNotes } from "./sparse-notes.ts";
import type { WorkerEnds } from "./worker-end.ts";
import type { Worker, WorkerEnd, WorkerPlan, WorkerPools } from "./worker.ts";

/** What an attempt needs of those who run workers. */
export interface PooledWorkers {
  /** One that an earlier server has made; undefined where its container does not run. */
  takeUp(name: string, plan: WorkerPlan): Promise<Worker | undefined>;
  directoryOf(name: string): string;
  /** Ends its container, and all that run in it. */
  kill(name: string): Promise<void>;
  /** How its container ended; undefined where it is gone. */
  endOf(name: string): Promise<WorkerEnd | undefined>;
  /** Brings archives and secret files of the attempt into the container. */
  putFiles(worker: Worker, planned: PlannedStart, signal: AbortSignal): Promise<void>;
  /** `exitCode`: of the attempt. */
  limitFacts(name: string, of: LimitQuestion): Promise<LimitFacts>;
}

export interface LimitQuestion {
  readonly spec: AttemptSpec;
  readonly exitCode: number;
  readonly sinceMs: number;
  readonly stopRequested: boolean;
  readonly hasWorkerEnded: boolean;
}

/** What is to be started, as it is adapted to its image. */
export interface PlannedStart extends PlannedAttempt {
  readonly spec: AttemptSpec;
  readonly start: AttemptStart;
}

export interface PooledAttemptContext {
  readonly name: string;
  /** Of the attempt, for its worker. */
  readonly id: string;
  readonly spec: AttemptSpec;
  /** Undefined: no worker can take it. `pulling`: nothing is known before its image is here. */
  readonly plan: (signal: AbortSignal) => Promise<PlannedStart | Pulling | undefined>;
  readonly pools: WorkerPools;
  readonly assignments: Assignments;
  readonly workers: PooledWorkers;
  readonly ends: WorkerEnds;
  /** Its variables, as they are in this worker. */
  readonly envIn: (worker: string, env: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;
  readonly sink: LogSink;
  readonly observer: AttemptObserver;
  readonly clock: Clock;
  readonly log: Logger;
}

export class HeldInWorker {
  readonly assignment: Assignment;
  /** Undefined: it has ended, and this server never knew it. */
  readonly worker: Worker | undefined;
  readonly files: AttemptFiles;
  readonly output: OutputFollower;
  readonly wakeup: Wakeup;
  startedAt: number | undefined;
  /** Of its worker; it says how the attempt ended where that has no exit code. */
  workerEnd: WorkerEnd | undefined;
  readonly over = Promise.withResolvers<void>();
  #exitCode: number | undefined;
  readonly #stops: (() => void)[];

  constructor(
    facts: Pick<HeldInWorker, "assignment" | "worker" | "files" | "output" | "wakeup">,
    stops: (() => void)[],
  ) {
    this.assignment = facts.assignment;
    this.worker = facts.worker;
    this.files = facts.files;
    this.output = facts.output;
    this.wakeup = facts.wakeup;
    this.startedAt = facts.assignment.startedAt;
    this.#stops = stops;
  }

  /**
   * Undefined: it is not over, or its worker was ended with it. What is read first counts, whatever code of the task makes of the
   * file afterwards.
   */
  async exitCode(): Promise<number | undefined> {
    const read = await this.files.exitCode();
    // Only now: another caller may have read it meanwhile.
    return (this.#exitCode ??= read);
  }

  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }
}

/** Follows its output from where that was read last, and what its worker reports of it. */
export async function holdInWorker(
  { sink, clock, assignments, name }: PooledAttemptContext,
  assignment: Assignment,
  worker: Worker | undefined,
  files: AttemptFiles,
): Promise<HeldInWorker> {
  const wakeup = new Wakeup(clock);
  const notes = new SparseNotes((copied) => assignments.copied(name, copied), clock);
  const offsets = {
    // That may be on disk, synced with the record of another attempt, where the lines in the log are not.
    last: async () => (assignments.isOfEarlierBoot(assignment) ? {} : (assignments.of(name)?.copied ?? {})),
    note: (copied: Offsets) => notes.note(copied),
  };
  const output = await followOutput(files.path, sink, clock, { offsets, openFile: openOwnFileAtOnce });
  const stops = [watchDirectory(files.path, wakeup), () => notes.close()];
  const held = new HeldInWorker({ assignment, worker, files, output, wakeup }, stops);
  const stopReports = worker?.onReport((report) => {
    if (!("id" in report) || report.id !== assignment.id) return;
    if (report.event === "started") held.startedAt ??= clock.now();
    wakeup.notify(report.event === "exited" ? "ended" : "check");
  });
  if (stopReports !== undefined) stops.push(stopReports);
  void worker?.ended.then((end) => {
    held.workerEnd = end;
    wakeup.notify("ended");
  });
  return held;
}
