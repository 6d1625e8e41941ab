/**
 * Admits queued actions while there is room: the queues by priority, and fair between those of one
 * priority and between the runs of a queue, where the one with the fewest attempts goes first. A parent
 * that awaits its children leaves its place to them; otherwise a machine or a queue full of parents would
 * wait for ever.
 */
import { byPriority, fullReason, type Queue, type Queues } from "../domain/queue.ts";
import { lacks, sum, takes } from "../domain/resources.ts";
import type { ResourceAmounts, TaskDefinition } from "../domain/task.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { admit, type AdmissionOptions } from "./admission.ts";
import type { Attempts } from "./attempts.ts";

export interface DispatcherOptions extends AdmissionOptions {
  readonly clock: Clock;
  readonly attempts: Attempts;
  /** Attempts that may compute at the same time. */
  readonly maxParallel: number;
  readonly queues: Queues;
  /** What all attempts together may take. */
  readonly capacity: ResourceAmounts;
  readonly log: Logger;
}

export interface Dispatcher {
  /** Looks at the queue soon; several calls are one look. */
  wake(): void;
  stop(): Promise<void>;
}

/** Attempts that run, in all, by queue and by run, and what they take. */
interface Load {
  computing: number;
  readonly perQueue: Map<string, number>;
  readonly perRun: Map<number, number>;
  readonly perRunInQueue: Map<string, number>;
  readonly livePerRun: Map<number, number>;
  used: ResourceAmounts;
}

function countComputing(load: Load, action: ActionRecord): void {
  load.computing++;
  increment(load.perQueue, action.queue);
  increment(load.perRun, action.runId);
  increment(load.perRunInQueue, runInQueue(action));
}

function countLive(load: Load, action: ActionRecord, amounts: ResourceAmounts): void {
  increment(load.livePerRun, action.runId);
  load.used = sum(load.used, amounts);
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function runInQueue({ runId, queue }: ActionRecord): string {
  return `${runId} ${queue}`;
}

/** Runs considered in one look; the rest has its turn in the next. */
const RUNS_PER_LOOK = 100;

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { store, attempts, clock, log } = options;
  let wanted = false;
  let stopped = false;
  let looking: Promise<void> = Promise.resolve();
  let busy = false;

  const wake = () => {
    wanted = true;
    if (busy || stopped) return;
    busy = true;
    looking = (async () => {
      while (wanted && !stopped) {
        wanted = false;
        await look().catch((error: unknown) => log.error("the queue could not be looked at", { error }));
      }
      busy = false;
    })();
  };

  const look = async (): Promise<void> => {
    const load = await readLoad();
    let waiting = byPriority(await store.waitingQueues(), options.queues);
    for (let [first] = waiting; first !== undefined; [first] = waiting) {
      const { priority } = first;
      const rivals = waiting.filter((queue) => queue.priority === priority);
      const alone = rivals.length === 1;
      const queue = alone ? first : await nextTurn(rivals, load);
      // Each place that was given away may change whose turn is next.
      const served = await serve(queue, load, alone ? Number.POSITIVE_INFINITY : 1);
      if (served === "stop") return;
      if (served === "next") waiting = waiting.filter((other) => other !== queue);
    }
  };

  /** Of queues with one priority: that with the fewest places, then that whose action waits the longest. */
  const nextTurn = async (queues: readonly Queue[], load: Load): Promise<Queue> => {
    const turns = await Promise.all(
      queues.map(async (queue) => {
        const [oldest] = await store.queueHeads(queue.name, clock.now(), 1);
        const since = oldest?.state.notBefore ?? Number.POSITIVE_INFINITY;
        return { queue, computing: load.perQueue.get(queue.name) ?? 0, since };
      }),
    );
    return turns.reduce((a, b) => ((b.computing - a.computing || b.since - a.since) < 0 ? b : a)).queue;
  };

  /**
   * Admits at most so many of one queue: "more" where others may follow, "next" where nothing more of it
   * may start, "stop" where nothing behind it may start either.
   */
  const serve = async (queue: Queue, load: Load, most: number): Promise<"more" | "next" | "stop"> => {
    let admissions = 0;
    for (let moved = true; moved;) {
      moved = false;
      if (stopped || load.computing >= options.maxParallel) return "stop";
      const heads = await store.queueHeads(queue.name, clock.now(), RUNS_PER_LOOK);
      const full = fullReason(queue, load.perQueue.get(queue.name) ?? 0);
      if (full !== undefined) {
        for (const head of heads) await tellWaiting(head, full);
        return "next";
      }
      const open = await keep(heads, (head) => mayStart(head, load));
      const fewest = (action: ActionRecord) => load.perRunInQueue.get(runInQueue(action)) ?? 0;
      for (const head of open.toSorted((a, b) => fewest(a) - fewest(b))) {
        if (!hasRoom(queue, load)) break;
        const lack = await placeFor(head, load);
        if (lack !== undefined) {
          await tellWaiting(head, lack);
          // What the oldest waits for is kept for it: smaller ones behind it would let it starve.
          if (head === open[0]) return "stop";
          continue;
        }
        moved = true;
        const admitted = await admit(options, head);
        if (admitted === undefined) continue;
        countComputing(load, admitted);
        countLive(load, admitted, takes(await definitionOf(head)));
        attempts.supervise(admitted);
        admissions++;
        if (admissions === most) return "more";
      }
    }
    return "next";
  };

  const hasRoom = (queue: Queue, load: Load): boolean =>
    load.computing < options.maxParallel &&
    fullReason(queue, load.perQueue.get(queue.name) ?? 0) === undefined;

  const tellWaiting = async (head: ActionRecord, reason: string): Promise<void> => {
    if (head.state.reason !== reason) await options.apply(head.key, { type: "waiting", reason });
  };

  const mayStart = async (head: ActionRecord, load: Load): Promise<boolean> => {
    const limit = (await store.getRun(head.key))?.settings.maxConcurrency ?? 0;
    if (limit === 0 || (load.livePerRun.get(head.runId) ?? 0) < limit) return true;
    // A run full of parents that all wait for their children would wait for ever.
    return (load.perRun.get(head.runId) ?? 0) === 0;
  };

  const placeFor = async (head: ActionRecord, load: Load): Promise<string | undefined> =>
    lacks(takes(await definitionOf(head)), options.capacity, load.used);

  const definitionOf = async (action: ActionRecord): Promise<Pick<TaskDefinition, "requests" | "limits">> =>
    (await store.getSpec(action.specDigest ?? ""))?.definition ?? { requests: {}, limits: {} };

  /** What runs now. A parent that awaits its children keeps its memory, but no place. */
  const readLoad = async (): Promise<Load> => {
    const load: Load = {
      computing: 0,
      perQueue: new Map(),
      perRun: new Map(),
      perRunInQueue: new Map(),
      livePerRun: new Map(),
      used: {},
    };
    for (const action of await store.liveAttempts()) {
      const { cpu, ...held } = takes(await definitionOf(action));
      const computes = !(await store.awaitsChildren(action));
      countLive(load, action, computes && cpu !== undefined ? { ...held, cpu } : held);
      if (computes) countComputing(load, action);
    }
    return load;
  };

  return {
    wake,
    stop: async () => {
      stopped = true;
      await looking;
    },
  };
}

async function keep<T>(items: readonly T[], condition: (item: T) => Promise<boolean>): Promise<T[]> {
  const kept = await Promise.all(items.map(condition));
  return items.filter((_, index) => kept[index]);
}
