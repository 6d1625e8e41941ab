/**
 * An attempt in a worker that takes one after the other (fork), or several at once (resident). Its output and its exit code
 * are files in the worker's directory: it goes on without the server, and is taken up again by its assignment.
 *
 * Until code of the task may have begun, whatever goes wrong leads to a cold start, which `find` says by undefined. After that
 * it is over when its exit code is there, or its worker has ended: then it is to blame where it ran there alone.
 */
import type { AttemptExit, LimitFacts } from "../../domain/attempt.ts";
import { BoxkiteError, isStorageError, messageOf } from "../../domain/errors.ts";
import { createBackoff } from "../../lib/backoff.ts";
import { orAborted, within } from "../../lib/wait.ts";
import type { After, Ended } from "../attempt-chart.ts";
import type { AttemptSpec } from "../executor.ts";
import { watchDirectory } from "../output/directory-watch.ts";
import { followOutput } from "../output/output-follower.ts";
import { openOwnFile } from "../output/own-file.ts";
import { Wakeup } from "../wakeup.ts";
import type { Assignment } from "./assignments.ts";
import { hasOutput, hasStarted } from "./attempt-begun.ts";
import { AttemptFiles } from "./attempt-files.ts";
import { inputsFor, storeResults } from "./attempt-results.ts";
import { HeldInWorker, type PlannedStart, type PooledAttemptContext } from "./held-in-worker.ts";
import type { Order } from "../../domain/worker-protocol.ts";
import { MACHINE_RESTARTED } from "./worker-end.ts";
import type { Worker, WorkerPlan } from "./worker.ts";

/** For changes of which the system gave no notice. */
const SWEEP_MS = 5_000;
/** Writes that follow each other this closely are read together. */
const GATHER_MS = 20;
const CONNECT_TIMEOUT_MS = 2_000;
const SEND_AGAIN = { baseMs: 50, factor: 2, capMs: 1_000 };
/** After SIGKILL, until the worker has to be ended instead. */
const KILL_TIMEOUT_MS = 5_000;

export class PooledAttempt {
  readonly #context: PooledAttemptContext;
  #held: HeldInWorker | undefined;
  #isOver = false;
  readonly #closed = new AbortController();

  constructor(context: PooledAttemptContext) {
    this.#context = context;
  }

  /** Undefined: it is to start cold, and nothing of it is in a worker. */
  async find(signal: AbortSignal): Promise<After<HeldInWorker, "finding"> | undefined> {
    const { assignments, pools, name, spec } = this.#context;
    pools.begin(spec);
    const assignment = assignments.of(name);
    if (assignment !== undefined) return await this.#takeUp(assignment, signal);
    const planned = await this.#context.plan(signal);
    return planned && (await this.#start(planned, signal));
  }

  async #start(
    planned: PlannedStart,
    signal: AbortSignal,
  ): Promise<After<HeldInWorker, "finding"> | undefined> {
    const { name, id, spec, pools, assignments, workers, observer, clock, log } = this.#context;
    const waiting = (reason: string) => observer.waiting(reason);
    const taken = await pools.take(planned.plan, { key: spec.key, signal, waiting });
    if (taken === undefined) return undefined;
    const { worker, earlierAttempts } = taken;
    const { mode, pool } = planned.plan;
    const warm = { mode, pool, worker: worker.name, earlierAttempts };
    let held: HeldInWorker;
    try {
      const inputsOf = inputsFor(spec.objects, mode);
      const files = await AttemptFiles.of(worker.directory, id);
      await files.create();
      await workers.putFiles(worker, planned, signal);
      const inputs = await inputsOf;
      const hasInputs = inputs !== undefined;
      const assignment = {
        key: spec.key,
        warm,
        id,
        assignedAt: clock.now(),
        ...(hasInputs && { hasInputs }),
      };
      await assignments.record(name, assignment);
      held = await this.#hold(assignment, worker, files);
      signal.throwIfAborted();
      observer.prepared({ ...planned.start, warm });
      await worker.send(this.#order(worker, planned, inputs));
    } catch (error) {
      await this.#leave(worker);
      if (signal.aborted) throw error;
      log.warn("an attempt starts cold, since its worker could not take it", { worker: worker.name, error });
      return undefined;
    }
    // From here on it may run, whether it is watched or not.
    if (await hasStarted(held, this.#context, signal)) return this.#running(held, signal);
    log.warn("an attempt starts cold, since its worker failed before it began", { worker: worker.name });
    await this.#leave(worker);
    return undefined;
  }

  #order({ name }: Worker, { args, env }: PlannedStart, inputs: string | undefined): Order {
    const { id, envIn } = this.#context;
    return { op: "start", id, args, env: envIn(name, env), ...(inputs !== undefined && { inputs }) };
  }

  #running(held: HeldInWorker, signal: AbortSignal): After<HeldInWorker, "finding"> {
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

  async #leave(worker: Worker): Promise<void> {
    const { assignments, pools, name, spec, id } = this.#context;
    this.#held?.close();
    this.#held = undefined;
    await assignments.forget(name);
    // The directory of a worker that has ended may be gone.
    await AttemptFiles.of(worker.directory, id).then(
      (files) => files.remove(),
      () => {},
    );
    pools.release(spec.key);
    // It goes on, in another container.
    pools.begin(spec);
  }

  async #takeUp(
    assignment: Assignment,
    signal: AbortSignal,
  ): Promise<After<HeldInWorker, "finding"> | undefined> {
    const { workers, pools, assignments, name, spec } = this.#context;
    const directory = workers.directoryOf(assignment.warm.worker);
    const files = await AttemptFiles.of(directory, assignment.id).catch(() => undefined);
    const isLost = assignments.isOfEarlierBoot(assignment);
    if (isLost && (await files?.exitCode()) === undefined) return { name: "ended", exit: MACHINE_RESTARTED };
    if (files === undefined) {
      await assignments.forget(name);
      if (assignment.startedAt === undefined) return undefined;
      return { name: "ended", exit: GONE };
    }
    const worker = await workers.takeUp(assignment.warm.worker, fallbackPlan(assignment, spec));
    const held = await this.#hold(assignment, worker, files);
    const { startedAt } = held;
    if ((await files.exitCode()) !== undefined) {
      if ((await files.unstarted()) === undefined) return { name: "ending", handle: held, startedAt };
    } else if (worker !== undefined) {
      const planned = this.#adopt(worker, assignment);
      if (startedAt !== undefined) return { name: "running", handle: held, startedAt };
      if (await this.#mayHaveBegun(held, planned, signal)) return this.#running(held, signal);
    } else if (startedAt !== undefined || (await hasOutput(held))) {
      held.workerEnd = await workers.endOf(assignment.warm.worker);
      return { name: "ending", handle: held, startedAt };
    }
    held.close();
    this.#held = undefined;
    await files.remove();
    await assignments.forget(name);
    pools.release(spec.key);
    pools.begin(spec);
    return undefined;
  }

  /** Its pool knows the worker again as soon as the image was read; the attempt is watched meanwhile. */
  async #adopt(worker: Worker, { warm }: Assignment): Promise<PlannedStart | undefined> {
    const { pools, spec, log } = this.#context;
    try {
      const planned = await this.#context.plan(this.#closed.signal);
      if (planned?.plan.pool !== warm.pool || this.#isOver) return undefined;
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
    const inputs = held.assignment.hasInputs === true ? await inputsFor(spec.objects, "resident") : undefined;
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
    const { sink, clock, assignments, name } = this.#context;
    const wakeup = new Wakeup(clock);
    const offsetsFile = assignments.offsetsFileOf(name);
    const output = await followOutput(files.path, sink, clock, { offsetsFile, openFile: openOwnFile });
    const stops = [watchDirectory(files.path, wakeup)];
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
    this.#held = held;
    return held;
  }

  async watch(held: HeldInWorker, signal: AbortSignal): Promise<After<HeldInWorker, "running">> {
    for (;;) {
      // In this order: a worker writes how its attempts ended before it ends.
      const hasEnded = held.workerEnd !== undefined;
      if ((await held.files.exitCode()) !== undefined || hasEnded) {
        held.over.resolve();
        return { name: "ending", handle: held, startedAt: held.startedAt };
      }
      await held.output.read();
      const reason = await held.wakeup.next(signal, SWEEP_MS);
      if (reason === "check") await held.wakeup.gather(signal, GATHER_MS);
    }
  }

  /** A resident worker is one process, which is ended with all its attempts where this one does not end by itself. */
  async stop(held: HeldInWorker, graceMs: number): Promise<void> {
    const { clock } = this.#context;
    const isOver = async (ms: number) =>
      (await within(
        held.over.promise.then(() => true),
        ms,
        clock,
      )) === true;
    if (graceMs > 0 && (await this.#signal(held, "TERM")) && (await isOver(graceMs))) return;
    const isForked = held.assignment.warm.mode === "fork";
    if (isForked && (await this.#signal(held, "KILL")) && (await isOver(KILL_TIMEOUT_MS))) return;
    await this.#context.workers.kill(held.assignment.warm.worker);
    held.wakeup.notify("ended");
  }

  async #signal({ worker, assignment }: HeldInWorker, signal: "TERM" | "KILL"): Promise<boolean> {
    try {
      // A connection to one that was just taken up is made now.
      if (worker !== undefined) await within(worker.ready, CONNECT_TIMEOUT_MS, this.#context.clock);
      await worker?.send({ op: "signal", id: assignment.id, signal });
      return worker !== undefined;
    } catch (error) {
      this.#context.log.debug("an attempt could not be signalled", { reason: messageOf(error) });
      return false;
    }
  }

  async conclude(held: HeldInWorker, stopped: boolean, signal: AbortSignal): Promise<Ended> {
    this.#isOver = true;
    const { spec, pools, workers, ends, clock } = this.#context;
    const { assignment, files } = held;
    const ownCode = await files.exitCode();
    // Another attempt may have its slot at once; its files stay until it is released.
    if (ownCode !== undefined) pools.end(spec.key);
    await held.output.finish();
    const directory = workers.directoryOf(assignment.warm.worker);
    const end =
      ownCode === undefined
        ? await ends.endOf(directory, assignment, held.workerEnd)
        : ({ kind: "own", exitCode: ownCode } as const);
    const times = { startedAt: held.startedAt ?? assignment.assignedAt, endedAt: clock.now() };
    pools.end(spec.key);
    const unstarted = ownCode === undefined || stopped ? undefined : await files.unstarted();
    if (unstarted !== undefined)
      return { name: "ended", exit: { ...refusedLate(assignment, unstarted), ...times } };
    if (end.kind === "unknown" || (end.kind === "shared" && !stopped))
      return { name: "ended", exit: { ...end.exit, ...times } };
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
    const unstored = ownCode === undefined ? undefined : await this.#storeResults(held, signal);
    // Of one that was stopped, no result counts any more.
    if (unstored !== undefined && !stopped)
      return { name: "ended", exit: { ...unstored, exitCode, ...times } };
    return { name: "ended", exit: { reason: "exited", exitCode, ...facts, ...times } };
  }

  /** Before its end is reported. Why that failed; undefined where all that it wrote is stored. */
  async #storeResults(
    { assignment, files }: HeldInWorker,
    signal: AbortSignal,
  ): Promise<AttemptExit | undefined> {
    const { spec, clock, log } = this.#context;
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

/** Of an order that was not carried out in time, so that it counted as carried out. */
function refusedLate({ warm }: Assignment, reason: string): AttemptExit {
  const message = `the worker ${warm.worker} did not start the attempt: ${reason}`;
  return { reason: "lost", outOfMemory: false, code: "WORKER_ENDED", message };
}

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
