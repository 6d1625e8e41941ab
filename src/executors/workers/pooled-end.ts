/** How an attempt in a worker of mode fork or resident has ended; what it wrote as its result is stored before that is known. */
import type { AttemptExit, LimitFacts } from "../../domain/attempt.ts";
import { BoxkiteError, isStorageError, messageOf } from "../../domain/errors.ts";
import type { Ended } from "../attempt-chart.ts";
import type { Assignment } from "./assignments.ts";
import { storeResults } from "./attempt-results.ts";
import type { HeldInWorker, PooledAttemptContext } from "./held-in-worker.ts";

export async function concludeInWorker(
  context: PooledAttemptContext,
  held: HeldInWorker,
  stopped: boolean,
  signal: AbortSignal,
): Promise<Ended> {
  try {
    return { name: "ended", exit: await exitOf(context, held, stopped, signal) };
  } finally {
    // Not before: the next attempt in a forking worker could change what this one has left. After a detach, whoever takes it up
    // stores that.
    if (!signal.aborted) context.pools.end(context.spec.key);
  }
}

async function exitOf(
  context: PooledAttemptContext,
  held: HeldInWorker,
  stopped: boolean,
  signal: AbortSignal,
): Promise<AttemptExit> {
  const { spec, pools, workers, ends, clock } = context;
  const { assignment, files } = held;
  const ownCode = await held.exitCode();
  // Those of a resident one share its process in any case; its files stay until it is released.
  if (ownCode !== undefined && assignment.warm.mode === "resident") pools.end(spec.key);
  await held.output.finish();
  const directory = workers.directoryOf(assignment.warm.worker);
  const end =
    ownCode === undefined
      ? await ends.endOf(directory, assignment, held.workerEnd)
      : ({ kind: "own", exitCode: ownCode } as const);
  const times = { startedAt: held.startedAt ?? assignment.assignedAt, endedAt: clock.now() };
  const unstarted = ownCode === undefined || stopped ? undefined : await files.unstarted();
  if (unstarted !== undefined) return { ...refusedLate(assignment, unstarted), ...times };
  if (end.kind === "unknown" || (end.kind === "shared" && !stopped)) return { ...end.exit, ...times };
  const { exitCode } = end;
  const facts: LimitFacts =
    exitCode === 0
      ? { outOfMemory: false }
      : await workers.limitFacts(assignment.warm.worker, {
          spec,
          exitCode,
          sinceMs: assignment.assignedAt,
          stopRequested: stopped,
          hasWorkerEnded: ownCode === undefined,
        });
  const unstored = ownCode === undefined ? undefined : await unstoredResult(context, held, signal);
  // Of one that was stopped, no result counts any more.
  if (unstored !== undefined && !stopped) return { ...unstored, exitCode, ...times };
  return { reason: "exited", exitCode, ...facts, ...times };
}

/** Of an order that was not carried out in time, so that it counted as carried out. */
function refusedLate({ warm }: Assignment, reason: string): AttemptExit {
  const message = `the worker ${warm.worker} did not start the attempt: ${reason}`;
  return { reason: "lost", outOfMemory: false, code: "WORKER_ENDED", message };
}

/** Why the result could not be stored; undefined where all that the attempt wrote is. */
async function unstoredResult(
  { spec, clock, log }: PooledAttemptContext,
  { assignment, files }: HeldInWorker,
  signal: AbortSignal,
): Promise<AttemptExit | undefined> {
  if (assignment.hasInputs !== true || spec.objects === undefined) return undefined;
  try {
    await storeResults(files, spec.objects, clock, signal);
    return undefined;
  } catch (error) {
    // The files are still there for whoever takes it up.
    signal.throwIfAborted();
    log.error("the result of an attempt could not be stored", { error });
    const message = `the result could not be stored: ${messageOf(error)}`;
    const lost = { reason: "lost", outOfMemory: false, message } as const;
    if (!(error instanceof BoxkiteError)) return { ...lost, code: "EXECUTOR_FAILED" };
    const { code, hint } = error;
    // What it may not store, or nobody can, another attempt could not store either.
    return { ...lost, code, ...(hint !== undefined && { hint }), recoverable: isStorageError(error) };
  }
}
