/** Ends an attempt in a worker of mode fork or resident, and no other of that worker where that can be helped. */
import { messageOf } from "../../domain/errors.ts";
import { within } from "../../lib/wait.ts";
import type { HeldInWorker, PooledAttemptContext } from "./held-in-worker.ts";

type StopContext = Pick<PooledAttemptContext, "workers" | "clock" | "log">;

const CONNECT_TIMEOUT_MS = 2_000;
/** After SIGKILL, until the worker has to be ended instead. */
const KILL_TIMEOUT_MS = 5_000;

/** A resident worker is one process, which is ended with all its attempts where this one does not end by itself. */
export async function stopInWorker(context: StopContext, held: HeldInWorker, graceMs: number): Promise<void> {
  const { workers, clock } = context;
  const { worker, mode } = held.assignment.warm;
  const isOver = async (ms: number) =>
    (await within(
      held.over.promise.then(() => true),
      ms,
      clock,
    )) === true;
  if (graceMs > 0 && (await isSignalled(context, held, "TERM")) && (await isOver(graceMs))) return;
  if (mode === "fork" && (await isSignalled(context, held, "KILL")) && (await isOver(KILL_TIMEOUT_MS)))
    return;
  await workers.kill(worker);
  held.wakeup.notify("ended");
}

/** Sends it. False where the worker cannot be reached. */
async function isSignalled(
  { clock, log }: StopContext,
  { worker, assignment }: HeldInWorker,
  signal: "TERM" | "KILL",
): Promise<boolean> {
  try {
    // A connection to one that was just taken up is made now.
    if (worker !== undefined) await within(worker.ready, CONNECT_TIMEOUT_MS, clock);
    await worker?.send({ op: "signal", id: assignment.id, signal });
    return worker !== undefined;
  } catch (error) {
    log.debug("an attempt could not be signalled", { reason: messageOf(error) });
    return false;
  }
}
