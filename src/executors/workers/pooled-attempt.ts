/**
 * An attempt in a worker that takes one after the other (fork), or several at once (resident). Its output and its exit code
 * are files in the worker's directory: it goes on without the server, and is taken up again by its assignment.
 *
 * Until code of the task may have begun, whatever goes wrong leads to a cold start. After that the attempt
 * is over when its exit code is there, or its worker has ended: then it is to blame where it ran there alone.
 */
import { stat } from "node:fs/promises";
import type { AttemptExit } from "../../domain/attempt.ts";
import { messageOf } from "../../domain/errors.ts";
import { orAbsent } from "../../lib/errno.ts";
import { createBackoff } from "../../lib/backoff.ts";
import { orAborted } from "../../lib/wait.ts";
import type { After, Ended, Running } from "../attempt-chart.ts";
import type { AttemptSpec } from "../executor.ts";
import type { FoundInWorker, InWorker } from "../warm-attempt.ts";
import type { Assignment } from "./assignments.ts";
import { hasOutput, hasStarted } from "./attempt-begun.ts";
import { AttemptFiles } from "./attempt-files.ts";
import { inputsFor } from "./attempt-results.ts";
import {
  holdInWorker,
  type HeldInWorker,
  type PlannedStart,
  type PooledAttemptContext,
} from "./held-in-worker.ts";
import type { Order } from "../../domain/worker-protocol.ts";
import { concludeInWorker } from "./pooled-end.ts";
import { stopInWorker } from "./pooled-stop.ts";
import { MACHINE_RESTARTED } from "./worker-end.ts";
import type { TakenWorker, Worker, WorkerPlan } from "./worker.ts";

/** For changes of which the system gave no notice. */
const SWEEP_MS = 5_000;
/** Writes that follow each other this closely are read together. */
const GATHER_MS = 20;
const SEND_AGAIN = { baseMs: 50, factor: 2, capMs: 1_000 };

export class PooledAttempt implements InWorker<HeldInWorker> {
  readonly #context: PooledAttemptContext;
  #held: HeldInWorker | undefined;
  #isOver = false;
  readonly #closed = new AbortController();

  constructor(context: PooledAttemptContext) {
    this.#context = context;
  }

  get isAssigned(): boolean {
    return this.#context.assignments.of(this.#context.name) !== undefined;
  }

  async takeUp(signal: AbortSignal): Promise<FoundInWorker<HeldInWorker> | undefined> {
    const { workers, assignments, name, spec } = this.#context;
    const assignment = assignments.of(name);
    if (assignment === undefined) return undefined;
    const directory = workers.directoryOf(assignment.warm.worker);
    const isThere = (await orAbsent(stat(directory))) !== undefined;
    const files = new AttemptFiles(directory, assignment.id);
    const isLost = assignments.isOfEarlierBoot(assignment);
    if (isLost && (await files.exitCode()) === undefined) return { name: "ended", exit: MACHINE_RESTARTED };
    if (!isThere) {
      await assignments.leave(name);
      if (assignment.startedAt === undefined) return undefined;
      return { name: "ended", exit: GONE };
    }
    const worker = await workers.takeUp(assignment.warm.worker, fallbackPlan(assignment, spec));
    const held = await this.#hold(assignment, worker, files);
    const { startedAt } = held;
    if ((await held.exitCode()) !== undefined) {
      // What was seen to begin does not start again, whatever it has written.
      const hasBegun = startedAt !== undefined || (await files.unstarted()) === undefined;
      if (hasBegun) return { name: "ending", handle: held, startedAt };
    } else if (worker !== undefined) {
      const planned = this.#adopt(worker, assignment);
      if (startedAt !== undefined) return { name: "running", handle: held, startedAt };
      if (await this.#mayHaveBegun(held, planned, signal)) return this.#running(held, signal);
    } else if (startedAt !== undefined || (await hasOutput(held))) {
      held.workerEnd = await workers.endOf(assignment.warm.worker);
      return { name: "ending", handle: held, startedAt };
    }
    await this.#leave(files);
    return undefined;
  }

  async start(signal: AbortSignal): Promise<FoundInWorker<HeldInWorker> | undefined> {
    const planned = await this.#context.plan(signal);
    if (planned === undefined || "name" in planned) return planned;
    const { spec, pools, observer } = this.#context;
    const waiting = (reason: string) => observer.waiting(reason);
    const taken = await pools.take(planned.plan, { key: spec.key, signal, waiting });
    return taken && (await this.#startIn(taken, planned, signal));
  }

  async #startIn(
    { worker, earlierAttempts }: TakenWorker,
    planned: PlannedStart,
    signal: AbortSignal,
  ): Promise<Running<HeldInWorker> | undefined> {
    const { name, id, spec, assignments, workers, observer, clock, log } = this.#context;
    const { mode, pool } = planned.plan;
    const warm = { mode, pool, worker: worker.name, earlierAttempts };
    let files: AttemptFiles | undefined;
    let held: HeldInWorker;
    try {
      const inputsOf = inputsFor(spec.objects);
      files = new AttemptFiles(worker.directory, id);
      await files.create();
      await workers.putFiles(worker, planned, signal);
      const inputs = await inputsOf;
      const hasInputs = inputs !== undefined;
      const assignedAt = clock.now();
      const assignment = { key: spec.key, warm, id, assignedAt, ...(hasInputs && { hasInputs }) };
      await assignments.record(name, assignment);
      held = await this.#hold(assignment, worker, files);
      signal.throwIfAborted();
      observer.prepared({ ...planned.start, warm });
      await worker.send(this.#order(worker, planned, inputs));
    } catch (error) {
      await this.#leave(files);
      if (signal.aborted) throw error;
      log.warn("an attempt starts cold, since its worker could not take it", { worker: worker.name, error });
      return undefined;
    }
    // From here on it may run, whether it is watched or not.
    if (await hasStarted(held, this.#context, signal)) return this.#running(held, signal);
    log.warn("an attempt starts cold, since its worker failed before it began", { worker: worker.name });
    await this.#leave(files);
    return undefined;
  }

  #order({ name }: Worker, { args, env }: PlannedStart, inputs: string | undefined): Order {
    const { id, envIn } = this.#context;
    return { op: "start", id, args, env: envIn(name, env), ...(inputs !== undefined && { inputs }) };
  }

  #running(held: HeldInWorker, signal: AbortSignal): Running<HeldInWorker> {
    const { assignments, name, spec, clock, log } = this.#context;
    const startedAt = (held.startedAt ??= clock.now());
    // It may not have begun: a stop goes to it, and after a detach the next server finds that out.
    if (signal.aborted) return { name: "running", handle: held, startedAt };
    if (held.assignment.hasInputs === true) spec.objects?.inputsTaken();
    assignments
      .started(name, startedAt)
      .catch((error: unknown) => log.debug("a start could not be recorded", { error }));
    return { name: "running", handle: held, startedAt };
  }

  /** Nothing of it is in the worker any more. */
  async #leave(files: AttemptFiles | undefined): Promise<void> {
    const { assignments, pools, name, spec, log } = this.#context;
    this.#held?.close();
    this.#held = undefined;
    try {
      await assignments.leave(name);
    } catch (error) {
      // It would start again after a restart, so it may not start cold: it is lost, and its files go at its release.
      pools.end(spec.key);
      throw error;
    }
    await files
      ?.remove()
      .catch((error: unknown) =>
        log.debug("what a worker has of an attempt could not be removed", { error }),
      );
    pools.release(spec.key);
    // It goes on, in another container.
    pools.begin(spec);
  }

  /** Its pool knows the worker again as soon as the image was read; the attempt is watched meanwhile. */
  async #adopt(worker: Worker, { warm }: Assignment): Promise<PlannedStart | undefined> {
    const { pools, spec, log } = this.#context;
    try {
      const planned = await this.#context.plan(this.#closed.signal);
      if (planned === undefined || "name" in planned) return undefined;
      if (planned.plan.pool !== warm.pool || this.#isOver) return undefined;
      pools.adopt(planned.plan, worker, spec.key);
      return planned;
    } catch (error) {
      log.debug("the pool of an attempt that was taken up is not known", { error });
      return undefined;
    }
  }

  /**
   * An order that the worker knows is not given again; one of which nothing is known any more may have been carried out. True
   * as well when the signal aborts.
   */
  async #mayHaveBegun(
    held: HeldInWorker,
    planning: Promise<PlannedStart | undefined>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { worker } = held;
    if (worker === undefined) return true;
    try {
      const ready = await orAborted(
        worker.ready.catch(() => undefined),
        signal,
      );
      if (ready?.known.includes(held.assignment.id) === true) return true;
      if (ready !== undefined) {
        const planned = await orAborted(planning, signal);
        if (planned === undefined) return true;
        await this.#sendAgain(held, worker, planned, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      return true;
    }
    return await hasStarted(held, this.#context, signal);
  }

  /** Until the worker has the order, or has ended. */
  async #sendAgain(
    held: HeldInWorker,
    worker: Worker,
    planned: PlannedStart,
    signal: AbortSignal,
  ): Promise<void> {
    const { spec, clock, log } = this.#context;
    // An order without them is one of which nothing is to be stored.
    const inputs = held.assignment.hasInputs === true ? await inputsFor(spec.objects) : undefined;
    const backoff = createBackoff(SEND_AGAIN, clock);
    while (held.workerEnd === undefined) {
      try {
        return await worker.send(this.#order(worker, planned, inputs));
      } catch (error) {
        log.debug("an order could not be sent again", { worker: worker.name, reason: messageOf(error) });
        await backoff.wait(signal);
      }
    }
  }

  async #hold(
    assignment: Assignment,
    worker: Worker | undefined,
    files: AttemptFiles,
  ): Promise<HeldInWorker> {
    this.#held = await holdInWorker(this.#context, assignment, worker, files);
    return this.#held;
  }

  async watch(held: HeldInWorker, signal: AbortSignal): Promise<After<HeldInWorker, "running">> {
    for (;;) {
      // In this order: a worker writes how its attempts ended before it ends.
      const hasEnded = held.workerEnd !== undefined;
      if ((await held.exitCode()) !== undefined || hasEnded) {
        held.over.resolve();
        return { name: "ending", handle: held, startedAt: held.startedAt };
      }
      await held.output.read();
      const reason = await held.wakeup.next(signal, SWEEP_MS);
      if (reason === "check") await held.wakeup.gather(signal, GATHER_MS);
    }
  }

  stop(held: HeldInWorker, graceMs: number): Promise<void> {
    return stopInWorker(this.#context, held, graceMs);
  }

  async conclude(held: HeldInWorker, stopped: boolean, signal: AbortSignal): Promise<Ended> {
    this.#isOver = true;
    return await concludeInWorker(this.#context, held, stopped, signal);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#held?.close();
    // Behind the read that is under way: the next follower goes on where this one ends.
    await this.#held?.output.read();
  }
}

const GONE: AttemptExit = {
  reason: "lost",
  outOfMemory: false,
  code: "WORKER_ENDED",
  message: "the worker of the attempt is gone, with what it wrote",
};

/** As far as it is known before the image was read: nothing starts by this plan. */
function fallbackPlan({ warm }: Assignment, spec: AttemptSpec): WorkerPlan {
  return {
    pool: warm.pool,
    mode: warm.mode,
    program: { language: "python", args: [], mounts: [] },
    container: spec,
    run: spec.key.run,
    concurrency: 1,
  };
}
