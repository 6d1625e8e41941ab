/**
 * An attempt in a worker of mode one_shot: the worker's container is the attempt's from when that is recorded. What comes
 * to the worker is an order; whether it was taken, the worker's socket says, which is gone before code of the task may run.
 * So an attempt whose worker did not take its order is started in a container of its own, and no other is.
 */
import { existsSync } from "node:fs";
import type { ContainerState } from "../../containers/types.ts";
import type { WarmStart } from "../../domain/warm-start.ts";
import { createBackoff } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { AttemptEnded } from "../attempt-machine.ts";
import type { AdaptedAttempt } from "../start-adapter.ts";
import type { Assignment } from "../workers/assignments.ts";
import { modeOf, type PlannedAttempt } from "../workers/plan.ts";
import { hasSocket } from "../workers/socket-file.ts";
import { endedByServer, MACHINE_RESTARTED } from "../workers/worker-end.ts";
import { removed } from "./attempt-exit.ts";
import type { ConfinementPolicy } from "./confinement.ts";
import type { ContainerWorker } from "./container-worker.ts";
import type { EndWatch } from "./end-watch.ts";
import type { EngineRetry } from "./engine-retry.ts";
import type { HeldContainer } from "./held-container.ts";
import { workerMember, type NetworkMember } from "./network-member.ts";
import { planInContainer } from "./plan-in-container.ts";
import type { WarmStarts } from "./warm-starts.ts";

/** From the order until the worker reports that code of the task may run. */
const START_TIMEOUT_MS = 10_000;
const END_BACKOFF = { baseMs: 10, factor: 2, capMs: 500 };

export interface OneShotContext {
  readonly warm: WarmStarts;
  readonly policy: ConfinementPolicy;
  /** The attempt's, which is a file name. */
  readonly name: string;
  readonly retry: EngineRetry;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What an earlier server has left of an attempt in a worker. */
export interface FoundInWorker {
  readonly container: string;
  readonly state: ContainerState;
  readonly startedAt: number;
}

export interface TakeOptions {
  readonly signal: AbortSignal;
  /** Why it has no worker yet. */
  readonly onWaiting: (reason: string) => void;
}

type Abandoned =
  /** It has taken its order: it goes on, or how it ended is how the attempt ended. */
  | { readonly kind: "taken"; readonly state: ContainerState }
  /** Nothing is left of it. */
  | { readonly kind: "gone" };

/** The worker that an earlier server gave the attempt, where that had taken its order. Nothing is left of another one. */
export async function findInWorker(
  context: OneShotContext,
  signal: AbortSignal,
): Promise<FoundInWorker | undefined> {
  const { warm, name } = context;
  const assignment = warm.assignments.of(name);
  if (assignment?.warm.mode !== "one_shot") return undefined;
  const { worker } = assignment.warm;
  const outcome = await abandon(context, assignment, signal);
  if (outcome.kind === "gone") return undefined;
  const { startedAt = assignment.assignedAt } = assignment;
  return { container: worker, state: outcome.state, startedAt };
}

/** A worker for the attempt, whose container it has from now on. Undefined: it gets a container of its own. */
export async function takeWorker(
  context: OneShotContext,
  adapted: AdaptedAttempt,
  { signal, onWaiting }: TakeOptions,
): Promise<OneShot | undefined> {
  const { warm, policy, log } = context;
  const { spec } = adapted;
  if (modeOf(spec, warm.setting) !== "one_shot") return undefined;
  const planned = planInContainer(adapted, "one_shot", policy);
  if ("cold" in planned) {
    log.debug("no worker can take the attempt", { reason: planned.cold });
    return undefined;
  }
  const taken = await warm.pools.take(planned.plan, { key: spec.key, signal, waiting: onWaiting });
  const worker = taken && warm.workers.of(taken.worker.name);
  if (taken === undefined || worker === undefined) return undefined;
  const { pool } = planned.plan;
  const assignment: Assignment = {
    key: spec.key,
    warm: { mode: "one_shot", pool, worker: worker.name, earlierAttempts: taken.earlierAttempts },
    id: orderId(context.name),
    assignedAt: context.clock.now(),
  };
  try {
    await warm.assignments.record(context.name, assignment);
  } catch (error) {
    log.warn("an attempt starts cold, since its worker could not be recorded", { error });
    await worker.remove();
    return undefined;
  }
  return new OneShot(context, { worker, planned, assignment });
}

interface OneShotParts {
  readonly worker: ContainerWorker;
  readonly planned: PlannedAttempt;
  readonly assignment: Assignment;
}

export class OneShot {
  /** Watches the container, which is the attempt's. */
  readonly watch: EndWatch;
  readonly #context: OneShotContext;
  readonly #parts: OneShotParts;

  constructor(context: OneShotContext, parts: OneShotParts) {
    this.#context = context;
    this.#parts = parts;
    this.watch = parts.worker.takeOver();
  }

  get id(): string {
    return this.#parts.worker.id;
  }

  /** Its container, as networks know it. */
  get member(): NetworkMember {
    const { name, plan } = this.#parts.worker;
    return workerMember(name, { ...plan.container.key, pool: plan.pool });
  }

  get warm(): WarmStart {
    return this.#parts.assignment.warm;
  }

  /** The attempt's own variables. */
  get env(): Readonly<Record<string, string>> {
    return this.#parts.planned.env;
  }

  /** When code of the task may have begun to run; undefined where the worker did not report that. */
  async start(
    { wakeup }: HeldContainer,
    env: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { clock, log, warm, name } = this.#context;
    const { worker, planned, assignment } = this.#parts;
    const { id } = assignment;
    let startedAt: number | undefined;
    const stop = worker.onReport((report) => {
      if (report.event !== "started" || report.id !== id) return;
      startedAt ??= clock.now();
      wakeup.notify("check");
    });
    try {
      await worker.send({ op: "start", id, args: planned.args, env });
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
      this.close();
    }
    if (startedAt !== undefined)
      warm.assignments
        .started(name, startedAt)
        .catch((error: unknown) => log.debug("a start could not be recorded", { error }));
    return startedAt;
  }

  /**
   * Ends the worker, which did not report that it has begun. False where it has taken its order: code of the task may run, or
   * has. Throws AttemptEnded where that happened while it was ended.
   */
  async abandon(signal: AbortSignal): Promise<boolean> {
    this.close();
    return (await abandon(this.#context, this.#parts.assignment, signal)).kind === "gone";
  }

  /** The worker is sent nothing more. */
  close(): void {
    this.#parts.worker.close();
  }
}

/** Unique among the attempts of this instance: the end of the attempt's name is a hash. */
export function orderId(attempt: string): string {
  return attempt.slice(attempt.lastIndexOf("-") + 1);
}

function hasTakenOrder({ workers }: WarmStarts, { warm, startedAt }: Assignment): boolean {
  return startedAt !== undefined || !hasSocket(workers.directoryOf(warm.worker));
}

/** Throws AttemptEnded where code of the task may have run in what is gone, or was ended by this. */
async function abandon(
  { warm, name, retry, clock }: OneShotContext,
  assignment: Assignment,
  signal: AbortSignal,
): Promise<Abandoned> {
  const { workers, assignments } = warm;
  const { worker } = assignment.warm;
  const inspect = () => retry.run(() => workers.inspect(worker), signal, "tolerate");
  const before = await inspect();
  const hasEnded = before?.status === "exited" && before.exitCode >= 0 && hasTakenOrder(warm, assignment);
  if (assignments.isOfEarlierBoot(assignment) && !hasEnded) throw new AttemptEnded(MACHINE_RESTARTED);
  if (before === undefined && isLost(warm, assignment)) throw new AttemptEnded(removed(worker));
  if (before !== undefined && hasTakenOrder(warm, assignment)) return { kind: "taken", state: before };
  if (before?.running === true) {
    await retry.run(() => workers.kill(worker), signal, "tolerate");
    const backoff = createBackoff(END_BACKOFF, clock);
    while ((await inspect())?.running === true) await backoff.wait(signal);
    if (hasTakenOrder(warm, assignment)) throw new AttemptEnded(endedByServer(worker, START_TIMEOUT_MS));
  }
  await retry.run(() => workers.remove(worker), signal, "tolerate");
  await assignments.forget(name);
  return { kind: "gone" };
}

/** Whether a worker without a container had taken its order. Where its directory is gone as well, this server has removed it. */
function isLost({ workers }: WarmStarts, { warm, startedAt }: Assignment): boolean {
  const directory = workers.directoryOf(warm.worker);
  return startedAt !== undefined || (existsSync(directory) && !hasSocket(directory));
}
