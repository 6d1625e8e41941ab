/** Whether code of an attempt in a shared worker has begun, of which the worker may not have reported anything. */
import { lstat } from "node:fs/promises";
import { orAbsent } from "../../lib/errno.ts";
import { orAborted } from "../../lib/wait.ts";
import { AttemptEnded } from "../attempt-machine.ts";
import type { HeldInWorker, PooledAttemptContext } from "./held-in-worker.ts";
import { FORK_WATCHDOG_MS } from "../../domain/worker-protocol.ts";
import { endedByServer } from "./worker-end.ts";
import type { Worker } from "./worker.ts";

type StartContext = Pick<PooledAttemptContext, "clock" | "log" | "pools" | "workers" | "spec">;

/** From the order until code of the task may run; the watchdog of a forking worker is faster. */
const START_TIMEOUT_MS = FORK_WATCHDOG_MS + 15_000;

/**
 * Whether code of the task may have begun; if not, it never will. True as well when the signal aborts. Throws AttemptEnded
 * where the worker was ended to find out.
 */
export async function hasStarted(
  held: HeldInWorker,
  context: StartContext,
  signal: AbortSignal,
): Promise<boolean> {
  const { clock, log } = context;
  const { worker, wakeup, assignment } = held;
  if (worker === undefined) return true;
  const untilMs = clock.now() + START_TIMEOUT_MS;
  try {
    for (;;) {
      const reported = await reportedStart(held);
      if (reported !== undefined) return reported;
      const leftMs = untilMs - clock.now();
      if (leftMs <= 0) break;
      await wakeup.next(signal, leftMs);
    }
    // Code of another attempt may keep its loop busy, which ends without harm to both: the order is carried out then.
    if (assignment.warm.mode === "resident") return true;
    return await endSilent(held, worker, context, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    log.debug("an attempt is left before it is known whether it has begun", { worker: worker.name });
    return true;
  }
}

/** Undefined: nothing is known of it yet. */
async function reportedStart(held: HeldInWorker): Promise<boolean | undefined> {
  const { files } = held;
  // In this order: a worker writes how its attempts ended before it ends.
  const hasEnded = held.workerEnd !== undefined;
  if (held.startedAt !== undefined) return true;
  if ((await held.exitCode()) !== undefined) return (await files.unstarted()) === undefined;
  return hasEnded ? await hasOutput(held) : undefined;
}

/** It may still come to the task's code, unless it is ended. */
async function endSilent(
  held: HeldInWorker,
  worker: Worker,
  { pools, workers, spec }: StartContext,
  signal: AbortSignal,
): Promise<boolean> {
  pools.retire(worker, "an attempt did not begin in time");
  await orAborted(workers.kill(worker.name), signal);
  held.workerEnd = await orAborted(worker.ended, signal);
  if ((await reportedStart(held)) === false) return false;
  // It has an exit code of its own where it was over before.
  if ((await held.exitCode()) !== undefined) return true;
  pools.end(spec.key);
  throw new AttemptEnded(endedByServer(worker.name, START_TIMEOUT_MS));
}

/** A start of which nobody heard. Throws where that cannot be read: then it may have begun. */
export async function hasOutput(held: HeldInWorker): Promise<boolean> {
  for (const stream of ["stdout", "stderr"]) {
    const file = await orAbsent(lstat(`${held.files.path}/${stream}`));
    // Where it is no file any more, code of the task has begun.
    if (file !== undefined && (!file.isFile() || file.size > 0)) return true;
  }
  return false;
}
