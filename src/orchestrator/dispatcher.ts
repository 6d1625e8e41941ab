/**
 * Admits queued actions while there are free slots: queues by priority, fair between queues of one priority
 * and between the runs of a queue, where the run with the fewest attempts goes first. A parent that awaits its
 * children leaves its slot to them; otherwise a machine or a queue full of parents would deadlock.
 *
 * A pass reads the heads of the queues only. What runs is counted in memory (load.ts) from the changes that this
 * process commits; after an error the counts are read from the store again.
 */
import { hasLiveAttempt } from "../domain/action.ts";
import type { ActionRecord, NewAction } from "../domain/action-record.ts";
import { byPriority, fullReason, type Queue, type Queues } from "../domain/queue.ts";
import { capped, lacks, takes } from "../domain/resources.ts";
import type { RunRecord } from "../domain/run.ts";
import type { ResourceAmounts } from "../domain/task.ts";
import { transition } from "../domain/transition.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createPasses } from "../lib/passes.ts";
import type { Demand, Store, Work } from "../store/store.ts";
import { admit, admittedEvent, type AdmissionOptions } from "./admission.ts";
import type { Attempts } from "./attempts.ts";
import { Load } from "./load.ts";

export interface DispatcherOptions extends AdmissionOptions {
  readonly work: Pick<
    Work,
    "acceptBegun" | "liveAttempts" | "unfinishedChildren" | "waitingQueues" | "queueHeads"
  >;
  readonly attempts: Pick<Attempts, "supervise">;
  /** Attempts that may compute at the same time. */
  readonly maxParallel: number;
  readonly queues: Queues;
  /** What all attempts together may take. */
  readonly capacity: ResourceAmounts;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Dispatcher {
  /** Counts a change; must be called for every one, in order. Returns whether a pass may find something to start. */
  changed(action: ActionRecord): boolean;
  /** As `Store.createAction`; a task that has to wait for nothing begins with the commit that accepts it. */
  readonly accept: Store["createAction"];
  /** Something in this queue, or in any, may start now: requests a pass. Several requests share one. */
  wake(queue?: string): void;
  /** Nothing begins any more. What is about to is supervised when this resolves. */
  stop(): Promise<void>;
}

/** What was read of a run. */
interface WaitingRun {
  readonly first: Demand;
  /** In the order in which it may start; what was chosen is removed. */
  readonly waiting: Demand[];
}

interface Lacking {
  readonly demand: Demand;
  /** What keeps it from starting. */
  readonly lack: string;
}

interface Choice {
  /** Counted already. */
  readonly chosen: readonly Demand[];
  readonly lacking: readonly Lacking[];
  /** What lacks something is the oldest of all that is left. */
  readonly isReserved: boolean;
}

/** Runs that are read at a time, those that wait the longest first. */
const RUNS_PER_READ = 100;
/** Pause after a pass that failed. */
const RETRY_MS = 1_000;

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { work, attempts, clock, log } = options;
  let load: Load | undefined;
  /** Changes during the read of the counts; undefined at other times. */
  let meanwhile: ActionRecord[] | undefined;
  /** The reason that the heads of a full queue already show; removed when something in the queue changes. */
  const shown = new Map<string, string>();
  /** A new action that may be about to begin. */
  let accepting: ReturnType<Work["acceptBegun"]> | undefined;

  const pass = async (): Promise<void> => {
    load ??= await readLoad();
    const counted = load;
    if (counted.computing >= options.maxParallel) return;
    let waiting = byPriority(await work.waitingQueues(), options.queues);
    for (;;) {
      waiting = waiting.filter((queue) => !isKnownFull(queue, counted));
      const [first] = waiting;
      if (first === undefined) return;
      const { priority } = first;
      const rivals = waiting.filter((queue) => queue.priority === priority);
      const alone = rivals.length === 1;
      const queue = alone ? first : await nextTurn(rivals, counted);
      // Each slot that was given away may change whose turn is next.
      const served = await serve(queue, counted, alone ? Number.POSITIVE_INFINITY : 1);
      if (served === "stop") return;
      if (served === "next") waiting = waiting.filter((other) => other !== queue);
    }
  };

  const isKnownFull = (queue: Queue, counted: Load): boolean => {
    const full = fullReason(queue, counted.computingInQueue(queue.name));
    return full !== undefined && shown.get(queue.name) === full;
  };

  const readLoad = async (): Promise<Load> => {
    meanwhile = [];
    const [live, unfinished] = await Promise.all([work.liveAttempts(), work.unfinishedChildren()]);
    const counts = new Load(live, unfinished);
    for (const action of meanwhile) counts.change(action);
    meanwhile = undefined;
    // Also those whose admission was written although the write was reported as failed.
    for (const { action } of live) attempts.supervise(action);
    return counts;
  };

  /** Of queues with equal priority: the one with the fewest slots, then the one whose head waits the longest. */
  const nextTurn = async (queues: readonly Queue[], counted: Load): Promise<Queue> => {
    const turns = await Promise.all(
      queues.map(async (queue) => {
        const [oldest] = await work.queueHeads(queue.name, clock.now(), 1);
        const since = oldest?.action.state.notBefore ?? Number.POSITIVE_INFINITY;
        return { queue, computing: counted.computingInQueue(queue.name), since };
      }),
    );
    return turns.reduce((a, b) => ((b.computing - a.computing || b.since - a.since) < 0 ? b : a)).queue;
  };

  /**
   * Admits at most `most` actions of a queue. Returns "more" where further ones may start, "next" where none of
   * this queue may, "stop" where none of any queue may.
   */
  const serve = async (queue: Queue, counted: Load, most: number): Promise<"more" | "next" | "stop"> => {
    let admissions = 0;
    /** Runs of which nothing more may start in this pass: they must not hide the runs that wait after them. */
    const blocked = new Set<number>();
    for (;;) {
      if (passes.isStopped || counted.computing >= options.maxParallel) return "stop";
      const full = fullReason(queue, counted.computingInQueue(queue.name));
      if (full !== undefined) shown.set(queue.name, full);
      const free = Math.min(most - admissions, options.maxParallel - counted.computing);
      const heads = await work.queueHeads(queue.name, clock.now(), RUNS_PER_READ, [...blocked], free);
      if (full !== undefined) {
        for (const head of heads) await showWaiting(head, full);
        return "next";
      }
      const ofRuns = Map.groupBy(heads, ({ action }) => action.runId);
      const open: WaitingRun[] = [];
      for (const [runId, waiting] of ofRuns) {
        const [first] = waiting;
        if (first === undefined) continue;
        if (mayStart(first, counted) && (await isPossible(first))) open.push({ first, waiting });
        else blocked.add(runId);
      }
      const { chosen, lacking, isReserved } = choose(queue, open, counted, most - admissions);
      const begun = await admitAll(chosen, counted);
      admissions += begun;
      if (begun === chosen.length) {
        for (const { demand, lack } of lacking) await showWaiting(demand, lack);
        if (isReserved) return "stop";
      }
      if (admissions >= most) return "more";
      // What takes nothing, such as a cached result, may have left enough for the others: they are read again.
      if (chosen.length === 0 && ofRuns.size < RUNS_PER_READ) return "next";
    }
  };

  /**
   * What may begin now, the run with the fewest attempts first. Resources are reserved for the oldest: smaller ones that came
   * later would let it starve.
   */
  const choose = (queue: Queue, open: readonly WaitingRun[], counted: Load, most: number): Choice => {
    const chosen: Demand[] = [];
    const lacking: Lacking[] = [];
    const lackOf = ({ takes }: Demand) => lacks(takes, options.capacity, counted.used);
    let left = open;
    while (chosen.length < most && hasFreeSlot(queue, counted)) {
      const oldest = oldestOf(open, (demand) => mayStart(demand, counted));
      const kept = oldest && lackOf(oldest);
      if (oldest !== undefined && kept !== undefined) {
        const others = lacking.filter(({ demand }) => demand !== oldest);
        return { chosen, lacking: [...others, { demand: oldest, lack: kept }], isReserved: true };
      }
      const run = fewestFirst(left, counted);
      const next = run?.waiting[0];
      // More of this run may wait than was read, and it is its turn.
      if (run === undefined || next === undefined) break;
      const lack = lackOf(next);
      if (lack === undefined && mayStart(next, counted)) {
        run.waiting.shift();
        chosen.push(next);
        counted.admit(next);
        continue;
      }
      left = left.filter((other) => other !== run);
      if (lack !== undefined && mayStart(next, counted)) lacking.push({ demand: next, lack });
    }
    return { chosen, lacking, isReserved: false };
  };

  /** They share a commit. Returns how many of them have begun. */
  const admitAll = async (chosen: readonly Demand[], counted: Load): Promise<number> => {
    const admissions = await Promise.allSettled(
      chosen.map(async ({ action, takes }) => {
        const admitted = await admit(options, action);
        if (admitted === undefined) counted.withdraw(action);
        else {
          // A change of what still waited, heard meanwhile, has taken it off the counts.
          counted.admit({ action: admitted, takes });
          attempts.supervise(admitted);
        }
        return admitted;
      }),
    );
    const failed = admissions.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
    return admissions.filter((one) => one.status === "fulfilled" && one.value !== undefined).length;
  };

  /** Nothing is reserved for an action that exceeds the whole capacity, which shrank since it was accepted. */
  const isPossible = async (head: Demand): Promise<boolean> => {
    const lack = lacks(head.takes, options.capacity, {});
    if (lack !== undefined) await showWaiting(head, lack);
    return lack === undefined;
  };

  const hasFreeSlot = (queue: Queue, counted: Load): boolean =>
    counted.computing < options.maxParallel &&
    fullReason(queue, counted.computingInQueue(queue.name)) === undefined;

  const showWaiting = async ({ action }: Demand, reason: string): Promise<void> => {
    if (action.state.reason !== reason) await options.apply(action.key, { type: "waiting", reason });
  };

  const mayStart = ({ action, maxConcurrency }: Demand, counted: Load): boolean =>
    maxConcurrency === 0 ||
    counted.liveOfRun(action.runId) < maxConcurrency ||
    // A run whose slots all belong to parents that await their children would deadlock.
    counted.computingOfRun(action.runId) === 0;

  /** As `begun` of Work.acceptBegun; undefined for an action that has to wait, or whose result may be in the cache. */
  const beginning = (run: RunRecord, action: NewAction, counted: Load): NewAction | undefined => {
    const { kind, queue: name = "", cache, cpuCap, state, policy } = action;
    if (kind !== "task" || state.phase !== "queued" || state.wakeAt !== undefined || cache !== undefined)
      return undefined;
    const [queue] = byPriority([name], options.queues);
    const { maxConcurrency } = run.settings;
    const mayBegin =
      queue !== undefined &&
      hasFreeSlot(queue, counted) &&
      (maxConcurrency === 0 || counted.liveOfRun(run.id) < maxConcurrency) &&
      lacks(takesOf(action), options.capacity, counted.used) === undefined;
    if (!mayBegin) return undefined;
    const admitted = transition(state, policy, admittedEvent(cpuCap), clock.now());
    return admitted && { ...action, state: admitted.state, attempt: { attempt: admitted.state.attempt } };
  };

  const accept: Dispatcher["accept"] = async (run, action, by, maxActions) => {
    // One at a time, since it is counted when it is accepted; not beside a pass, which may give the slot away. Whoever stops has
    // listed what runs already.
    const mayAdmit = accepting === undefined && !passes.isBusy && !passes.isStopped;
    const begun = load && mayAdmit ? beginning(run, action, load) : undefined;
    if (begun === undefined) return options.store.createAction(run, action, by, maxActions);
    accepting = work.acceptBegun(run, action, begun, by, maxActions);
    try {
      const accepted = await accepting;
      if (typeof accepted !== "string" && hasLiveAttempt(accepted.state)) {
        load?.admit({ action: accepted, takes: takesOf(action) });
        attempts.supervise(accepted);
      }
      return accepted;
    } catch (error) {
      // It may be written all the same: the counts are read again, and what runs is supervised, at most once in this time.
      load = undefined;
      passes.requestIn(RETRY_MS);
      throw error;
    } finally {
      accepting = undefined;
    }
  };

  const passes = createPasses({
    pass,
    onFailure: (error) => {
      log.error("the queue could not be read, and will be tried again", { error });
      load = undefined;
      shown.clear();
    },
    retryMs: RETRY_MS,
    clock,
  });

  return {
    changed: (action) => {
      meanwhile?.push(action);
      if (action.state.phase !== "waiting_for_resources") shown.delete(action.queue);
      // Before the first pass there are no counts to update: it reads them.
      const freed = load?.change(action) ?? true;
      return freed || action.state.phase === "queued";
    },
    wake: (queue) => {
      if (queue === undefined) shown.clear();
      else shown.delete(queue);
      passes.request();
    },
    accept,
    stop: async () => {
      await passes.stop();
      await accepting?.catch(() => undefined);
    },
  };
}

/** The one with the fewest attempts; of several such, the first. */
function fewestFirst(runs: readonly WaitingRun[], counted: Load): WaitingRun | undefined {
  let fewest: { readonly run: WaitingRun; readonly computing: number } | undefined;
  for (const run of runs) {
    const computing = counted.computingOfRunInQueue(run.first.action);
    if (fewest === undefined || computing < fewest.computing) fewest = { run, computing };
  }
  return fewest?.run;
}

/** Of those that come next in their runs and may start: what waits the longest. */
function oldestOf(runs: readonly WaitingRun[], mayStart: (demand: Demand) => boolean): Demand | undefined {
  let oldest: Demand | undefined;
  for (const run of runs) {
    const [next] = run.waiting;
    if (next !== undefined && mayStart(next) && (oldest === undefined || isOlder(next, oldest)))
      oldest = next;
  }
  return oldest;
}

function isOlder({ action: a }: Demand, { action: b }: Demand): boolean {
  return (
    a.state.notBefore - b.state.notBefore < 0 || (a.state.notBefore === b.state.notBefore && a.id < b.id)
  );
}

function takesOf({ spec, cpuCap }: NewAction): ResourceAmounts {
  const { requests = {}, limits = {} } = spec?.definition ?? {};
  return capped(takes({ requests, limits }), cpuCap);
}
