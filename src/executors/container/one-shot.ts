/**
 * An attempt in a worker of mode one_shot: the worker's container is the attempt's from when that is recorded. What comes
 * to the worker is an order; whether it was taken, the worker's socket says, which is gone before code of the task may run.
 * So an attempt whose worker did not take its order is started in a container of its own, and no other is.
 */
import type { ContainerState } from "../../containers/types.ts";
import { createBackoff } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import type { AttemptSpec } from "../executor.ts";
import type { Assignment, Assignments } from "../workers/assignments.ts";
import type { PlannedAttempt } from "../workers/plan.ts";
import { hasSocket } from "../workers/socket-file.ts";
import type { TakenWorker } from "../workers/worker.ts";
import type { ContainerWorker } from "./container-worker.ts";
import type { EngineRetry } from "./engine-retry.ts";
import type { HeldContainer } from "./held-container.ts";
import type { WorkerContainers } from "./worker-containers.ts";

/** From the order until the worker reports that code of the task may run. */
const START_TIMEOUT_MS = 10_000;
const END_BACKOFF = { baseMs: 10, factor: 2, capMs: 500 };

/** A worker that this server has made, with what it is to be sent. */
export interface OneShotWorker {
  readonly container: ContainerWorker;
  readonly planned: PlannedAttempt;
  readonly assignment: Assignment;
}

/** Resolves when it is on disk that the worker has this attempt. */
export async function assign(
  {
    assignments,
    attempt,
    clock,
  }: { readonly assignments: Assignments; readonly attempt: string; readonly clock: Clock },
  spec: AttemptSpec,
  { worker, earlierAttempts }: TakenWorker,
): Promise<Assignment> {
  const { mode, pool } = worker.plan;
  const assignment: Assignment = {
    key: spec.key,
    warm: { mode, pool, worker: worker.name, earlierAttempts },
    id: orderId(attempt),
    assignedAt: clock.now(),
  };
  await assignments.record(attempt, assignment);
  return assignment;
}

/** Unique among the attempts of this instance: the end of the attempt's name is a hash. */
export function orderId(attempt: string): string {
  return attempt.slice(attempt.lastIndexOf("-") + 1);
}

export interface OrderContext {
  /** Of the attempt, beyond those of the container. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

/** When code of the task may have begun to run; undefined where the worker did not report that. */
export async function startInWorker(
  { container, planned, assignment: { id } }: OneShotWorker,
  { wakeup }: HeldContainer,
  { env, clock }: OrderContext,
  signal: AbortSignal,
): Promise<number | undefined> {
  let startedAt: number | undefined;
  const stop = container.onReport((report) => {
    if (report.event !== "started" || report.id !== id) return;
    startedAt ??= clock.now();
    wakeup.notify("check");
  });
  try {
    await container.send({ op: "start", id, args: planned.args, env });
    const untilMs = clock.now() + START_TIMEOUT_MS;
    for (let leftMs = START_TIMEOUT_MS; leftMs > 0; leftMs = untilMs - clock.now()) {
      const reason = await wakeup.next(signal, leftMs);
      // Whoever watches it next has to know, too.
      if (reason === "ended") wakeup.notify("ended");
      if (reason === "ended" || startedAt !== undefined) break;
    }
  } catch (error) {
    if (signal.aborted) throw error;
    // It cannot be reached: it has ended, or will be.
  } finally {
    stop();
    container.close();
  }
  return startedAt;
}

/** Whether the worker's process may have begun to run code of the task. */
export function hasTakenOrder(workers: WorkerContainers, { warm, startedAt }: Assignment): boolean {
  return startedAt !== undefined || !hasSocket(workers.directoryOf(warm.worker));
}

export type Abandoned =
  /** It had taken its order meanwhile: how it ended is how the attempt ended. */
  | { readonly kind: "taken"; readonly state: ContainerState }
  /** Nothing is left of it. */
  | { readonly kind: "gone" };

/** Ends a worker that did not report that it has begun. */
export async function abandon(
  {
    workers,
    retry,
    clock,
  }: { readonly workers: WorkerContainers; readonly retry: EngineRetry; readonly clock: Clock },
  assignment: Assignment,
  signal: AbortSignal,
): Promise<Abandoned> {
  const { worker } = assignment.warm;
  await retry.run(() => workers.kill(worker), signal, "tolerate");
  const backoff = createBackoff(END_BACKOFF, clock);
  for (;;) {
    const state = await retry.run(() => workers.inspect(worker), signal, "tolerate");
    if (state?.running === true) {
      await backoff.wait(signal);
      continue;
    }
    if (state !== undefined && hasTakenOrder(workers, assignment)) return { kind: "taken", state };
    await retry.run(() => workers.remove(worker), signal, "tolerate");
    return { kind: "gone" };
  }
}
