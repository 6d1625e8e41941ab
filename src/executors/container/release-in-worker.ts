/** The end of an attempt in a shared worker that nobody watches, and of what the worker has of it. */
import type { ContainerState } from "../../containers/types.ts";
import type { AttemptKey } from "../../domain/attempt.ts";
import { messageOf } from "../../domain/errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { within } from "../../lib/wait.ts";
import type { Assignment, Assignments } from "../workers/assignments.ts";
import { AttemptFiles } from "../workers/attempt-files.ts";
import type { WorkerEnds } from "../workers/worker-end.ts";
import type { Worker, WorkerPools } from "../workers/worker.ts";

export interface ReleaseContext {
  readonly pools: Pick<WorkerPools, "release" | "retire" | "holds">;
  readonly assignments: Pick<Assignments, "of" | "forget" | "workers">;
  readonly ends: Pick<WorkerEnds, "forget">;
  readonly workers: {
    /** Of those that this server knows. */
    of(name: string): Worker | undefined;
    directoryOf(name: string): string;
    inspect(name: string): Promise<ContainerState | undefined>;
    kill(name: string): Promise<void>;
    remove(name: string): Promise<void>;
  };
  readonly clock: Clock;
  readonly log: Logger;
}

/** After SIGKILL, until the worker is ended instead, with its other attempts. */
const KILL_TIMEOUT_MS = 5_000;

/** Removes what a worker has of an attempt, which is ended first; the worker, too, where no pool knows it. */
export async function releaseInWorker(context: ReleaseContext, key: AttemptKey, name: string): Promise<void> {
  const { pools, assignments, workers, ends } = context;
  const assignment = assignments.of(name);
  const worker = assignment && workers.of(assignment.warm.worker);
  const mayRun = assignment !== undefined && (await exitCodeOf(context, assignment)) === undefined;
  // Another attempt must not get its slot beside it.
  if (mayRun && worker !== undefined) pools.retire(worker, "an attempt was not watched until its end");
  pools.release(key);
  if (assignment === undefined) return;
  if (mayRun) await endInWorker(context, assignment);
  const { worker: workerName } = assignment.warm;
  // First: an assignment without an exit code is of an attempt that may run, and its worker would be ended for it.
  await assignments.forget(name);
  try {
    await new AttemptFiles(workers.directoryOf(workerName), assignment.id).remove();
  } catch (error) {
    // It goes with the worker.
    context.log.debug("what a worker has of an attempt could not be removed", { reason: messageOf(error) });
  }
  if (assignments.workers().has(workerName)) return;
  ends.forget(workerName);
  if (!pools.holds(workerName)) await workers.remove(workerName);
}

/** Resolves when nothing of the attempt runs any more. Throws what the engine says. */
export async function endInWorker(context: ReleaseContext, assignment: Assignment): Promise<void> {
  // First: the worker goes on with others, and may not be known to this server yet.
  if ((await exitCodeOf(context, assignment)) !== undefined) return;
  const { workers } = context;
  const { worker } = assignment.warm;
  const state = await workers.inspect(worker);
  if (state?.running === false) return;
  // One that cannot be inspected may run all the same: see api.ts. What its session says is no proof of its end.
  if (state !== undefined && (await isEndedBySignal(context, assignment))) return;
  await workers.kill(worker);
}

async function isEndedBySignal(context: ReleaseContext, assignment: Assignment): Promise<boolean> {
  const { workers, clock, log } = context;
  const { id } = assignment;
  const worker = workers.of(assignment.warm.worker);
  if (worker === undefined) return false;
  const { promise, resolve } = Promise.withResolvers<true>();
  const stop = worker.onReport((report) => {
    if (report.event === "exited" && report.id === id) resolve(true);
  });
  void worker.ended.then(() => resolve(true));
  try {
    await worker.send({ op: "signal", id, signal: "KILL" });
    if ((await within(promise, KILL_TIMEOUT_MS, clock)) === true) return true;
  } catch (error) {
    log.debug("an attempt could not be signalled", { reason: messageOf(error) });
  } finally {
    stop();
  }
  // It may have ended before it was listened to.
  return (await exitCodeOf(context, assignment)) !== undefined;
}

/** Undefined where it is not over, or that cannot be read. */
export async function exitCodeOf(
  { workers, log }: ReleaseContext,
  { warm, id }: Assignment,
): Promise<number | undefined> {
  try {
    return await new AttemptFiles(workers.directoryOf(warm.worker), id).exitCode();
  } catch (error) {
    log.debug("how an attempt ended could not be read", { reason: messageOf(error) });
    return undefined;
  }
}
