/**
 * An attempt in a worker of mode one_shot: the worker's container is the attempt's from when that is recorded. What comes
 * to the worker is an order; whether it was taken, the worker's socket says, which is gone before code of the task may run.
 * So an attempt whose worker did not take its order is started in a container of its own, and no other is.
 */
import { existsSync } from "node:fs";
import type { ContainerState } from "../../containers/types.ts";
import { createBackoff } from "../../lib/backoff.ts";
import type { After, Ended } from "../attempt-chart.ts";
import { AttemptEnded } from "../attempt-machine.ts";
import type { FoundInWorker, InWorker } from "../warm-attempt.ts";
import type { Assignment } from "../workers/assignments.ts";
import type { PlannedStart } from "../workers/held-in-worker.ts";
import { hasSocket } from "../workers/socket-file.ts";
import { endedByServer, MACHINE_RESTARTED } from "../workers/worker-end.ts";
import { AttemptContainer } from "./attempt-container.ts";
import type { AttemptContext } from "./attempt-context.ts";
import { removed } from "./attempt-exit.ts";
import type { ContainerWorker } from "./container-worker.ts";
import { putSecretFiles } from "./create-container.ts";
import type { HeldContainer } from "./held-container.ts";
import { withGateway } from "./network-fields.ts";
import { workerMember } from "./network-member.ts";
import { planAttempt } from "./plan-attempt.ts";
import { putArchives } from "./put-archives.ts";
import type { WarmStarts } from "./warm-starts.ts";

/** From the order until the worker reports that code of the task may run. */
const START_TIMEOUT_MS = 10_000;
const END_BACKOFF = { baseMs: 10, factor: 2, capMs: 500 };

/** A worker that has been recorded as the attempt's. */
interface Given {
  readonly worker: ContainerWorker;
  readonly planned: PlannedStart;
  readonly assignment: Assignment;
}

export class OneShotAttempt implements InWorker<HeldContainer> {
  readonly #attempt: AttemptContext;
  readonly #warm: WarmStarts;
  /** Of a worker that this server gave it. */
  #worker: ContainerWorker | undefined;
  #container: AttemptContainer | undefined;

  constructor(attempt: AttemptContext, warm: WarmStarts) {
    this.#attempt = attempt;
    this.#warm = warm;
  }

  get isAssigned(): boolean {
    return this.#warm.assignments.of(this.#attempt.name) !== undefined;
  }

  async takeUp(signal: AbortSignal): Promise<FoundInWorker<HeldContainer> | undefined> {
    const assignment = this.#warm.assignments.of(this.#attempt.name);
    if (assignment === undefined) return undefined;
    const state = await this.#endUntaken(assignment, signal);
    if (state === undefined) {
      await this.#remove(assignment, signal);
      return undefined;
    }
    const { startedAt = assignment.assignedAt } = assignment;
    return this.#own(assignment.warm.worker, startedAt).takeUp(state, startedAt);
  }

  async start(signal: AbortSignal): Promise<FoundInWorker<HeldContainer> | undefined> {
    const { spec, observer } = this.#attempt;
    const planned = await planAttempt(this.#attempt, "one_shot", signal);
    if (planned === undefined || "name" in planned) return planned;
    const waiting = (reason: string) => {
      if (!signal.aborted) observer.progress(reason);
    };
    const taken = await this.#warm.pools.take(planned.plan, { key: spec.key, signal, waiting });
    const worker = taken && this.#warm.workers.of(taken.worker.name);
    if (taken === undefined || worker === undefined) return undefined;
    const assignment = await this.#give(worker, taken.earlierAttempts);
    return assignment && (await this.#startIn({ worker, planned, assignment }, signal));
  }

  /** Undefined where that failed: then the worker is removed. */
  async #give(worker: ContainerWorker, earlierAttempts: number): Promise<Assignment | undefined> {
    const { name, spec, networks, clock, log } = this.#attempt;
    const assignment: Assignment = {
      key: spec.key,
      warm: { mode: "one_shot", pool: worker.plan.pool, worker: worker.name, earlierAttempts },
      id: orderId(name),
      assignedAt: clock.now(),
    };
    try {
      if (worker.plan.run === undefined) await networks?.give(worker.name, spec.key);
      await this.#warm.assignments.record(name, assignment);
      return assignment;
    } catch (error) {
      log.warn("an attempt starts cold, since its worker could not be given to it", { error });
      // It never gets an order; the next server removes it.
      await worker.remove().catch((cause: unknown) => {
        log.warn("a worker that no attempt has could not be removed", { worker: worker.name, error: cause });
      });
      return undefined;
    }
  }

  async #startIn(given: Given, signal: AbortSignal): Promise<FoundInWorker<HeldContainer> | undefined> {
    const { worker, planned, assignment } = given;
    this.#worker = worker;
    const container = this.#own(worker.name);
    const handle = container.hold(worker.id, worker.takeOver());
    signal.throwIfAborted();
    this.#attempt.observer.prepared({ ...planned.start, warm: assignment.warm });
    const hasFiles = await this.#putFiles(given, signal);
    signal.throwIfAborted();
    const startedAt = await this.#begin(given, { handle, hasFiles }, signal);
    container.inWorkerSinceMs = startedAt;
    if (startedAt !== undefined) return { name: "running", handle, startedAt };
    const { warm } = assignment;
    this.#attempt.log.warn("an attempt starts cold, since its worker failed before it began", { ...warm });
    await container.close();
    this.#container = undefined;
    await this.#remove(assignment, signal);
    return undefined;
  }

  /** False where that failed. */
  async #putFiles({ worker, planned, assignment }: Given, signal: AbortSignal): Promise<boolean> {
    const { name } = worker;
    const member = workerMember(name, assignment.key);
    const creation = { ...this.#attempt, spec: planned.spec, name, member };
    try {
      await this.#attempt.notes.report(creation, signal);
      await putSecretFiles(creation, worker.id, signal);
      await putArchives(creation, worker.id, signal);
      return true;
    } catch (error) {
      if (signal.aborted || error instanceof AttemptEnded) throw error;
      this.#attempt.log.warn("the files of an attempt could not be brought into a worker", { error });
      return false;
    }
  }

  /**
   * When code of the task may have begun to run; undefined: it never will in this worker. Where the signal aborts after the order
   * was sent it may have: a stop goes to the container, and after a detach the next server finds out.
   */
  async #begin(
    given: Given,
    { handle, hasFiles }: { readonly handle: HeldContainer; readonly hasFiles: boolean },
    signal: AbortSignal,
  ): Promise<number | undefined> {
    try {
      const startedAt = hasFiles ? await this.#order(given, handle, signal) : undefined;
      if (startedAt !== undefined) return startedAt;
      if ((await this.#endUntaken(given.assignment, signal)) === undefined) return undefined;
      handle.wakeup.notify("ended");
    } catch (error) {
      if (!signal.aborted || error instanceof AttemptEnded) throw error;
    }
    return this.#attempt.clock.now();
  }

  /** Sends it. When the worker reported that it has begun; undefined where it did not. */
  async #order(
    { worker, planned, assignment }: Given,
    { wakeup }: HeldContainer,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { networks, clock, log, name } = this.#attempt;
    const { id } = assignment;
    let startedAt: number | undefined;
    const stop = worker.onReport((report) => {
      if (report.event !== "started" || report.id !== id) return;
      startedAt ??= clock.now();
      wakeup.notify("check");
    });
    try {
      const env = withGateway(planned.env, networks?.of(worker.name));
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
      worker.close();
    }
    if (startedAt !== undefined)
      this.#warm.assignments
        .started(name, startedAt)
        .catch((error: unknown) => log.debug("a start could not be recorded", { error }));
    return startedAt;
  }

  /**
   * Ends the worker unless it has taken its order: then what is left of it goes on, or how it ended is how the attempt ended.
   * Undefined: code of the task has not run there, and never will. Throws AttemptEnded where it may have run in what is gone, or
   * was ended by this.
   */
  async #endUntaken(assignment: Assignment, signal: AbortSignal): Promise<ContainerState | undefined> {
    const { retry, clock } = this.#attempt;
    const { workers, assignments } = this.#warm;
    const { worker } = assignment.warm;
    const inspect = () => retry.run(() => workers.inspect(worker), signal, "tolerate");
    const before = await inspect();
    const hasEnded = before?.status === "exited" && before.exitCode >= 0 && this.#hasTakenOrder(assignment);
    if (assignments.isOfEarlierBoot(assignment) && !hasEnded) throw new AttemptEnded(MACHINE_RESTARTED);
    if (before === undefined && this.#isLost(assignment)) throw new AttemptEnded(removed(worker));
    if (before !== undefined && this.#hasTakenOrder(assignment)) return before;
    if (before?.running !== true) return undefined;
    await retry.run(() => workers.kill(worker), signal, "tolerate");
    const backoff = createBackoff(END_BACKOFF, clock);
    while ((await inspect())?.running === true) await backoff.wait(signal);
    if (this.#hasTakenOrder(assignment)) throw new AttemptEnded(endedByServer(worker, START_TIMEOUT_MS));
    return undefined;
  }

  #hasTakenOrder({ warm, startedAt }: Assignment): boolean {
    return startedAt !== undefined || !hasSocket(this.#warm.workers.directoryOf(warm.worker));
  }

  /** Of a worker without a container. Where its directory is gone as well, this server has removed it. */
  #isLost({ warm, startedAt }: Assignment): boolean {
    const directory = this.#warm.workers.directoryOf(warm.worker);
    return startedAt !== undefined || (existsSync(directory) && !hasSocket(directory));
  }

  /** What is left of a worker that has not taken its order. */
  async #remove({ warm }: Assignment, signal: AbortSignal): Promise<void> {
    const { name, retry } = this.#attempt;
    await retry.run(() => this.#warm.workers.remove(warm.worker), signal, "tolerate");
    await this.#warm.assignments.leave(name);
  }

  #own(worker: string, sinceMs?: number): AttemptContainer {
    this.#container = new AttemptContainer(this.#attempt, worker);
    this.#container.inWorkerSinceMs = sinceMs;
    return this.#container;
  }

  get #taken(): AttemptContainer {
    if (this.#container === undefined) throw new Error("the attempt has no worker");
    return this.#container;
  }

  watch(handle: HeldContainer, signal: AbortSignal): Promise<After<HeldContainer, "running">> {
    return this.#taken.watch(handle, signal);
  }

  stop(handle: HeldContainer, graceMs: number): Promise<void> {
    return this.#taken.stop(handle, graceMs);
  }

  conclude(handle: HeldContainer, stopped: boolean, signal: AbortSignal): Promise<Ended> {
    return this.#taken.conclude(handle, stopped, signal);
  }

  async close(isOver: boolean): Promise<void> {
    if (isOver) this.#warm.pools.end(this.#attempt.spec.key);
    this.#worker?.close();
    await this.#container?.close();
  }
}

/** Unique among the attempts of this instance: the end of the attempt's name is a hash. */
export function orderId(attempt: string): string {
  return attempt.slice(attempt.lastIndexOf("-") + 1);
}
