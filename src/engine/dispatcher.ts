/**
 * Admits queued actions while there is room. Fair between runs: the run with the fewest attempts goes
 * first. A parent that awaits its children leaves its place to them; otherwise a machine full of
 * parents would wait for ever.
 */
import { lacks, sum, takes } from "../domain/resources.ts";
import type { ResourceAmounts, TaskDefinition } from "../domain/task.ts";
import type { Logger } from "../lib/log.ts";
import type { ActionRecord } from "../store/store.ts";
import { admit, type AdmissionOptions } from "./admission.ts";
import type { Apply } from "./apply.ts";
import type { Attempts } from "./attempts.ts";

export interface DispatcherOptions extends AdmissionOptions {
  readonly attempts: Attempts;
  /** Attempts that may compute at the same time. */
  readonly maxParallel: number;
  /** What all attempts together may take. */
  readonly capacity: ResourceAmounts;
  readonly apply: Apply;
  readonly log: Logger;
}

export interface Dispatcher {
  /** Looks at the queue soon; several calls are one look. */
  wake(): void;
  stop(): Promise<void>;
}

/** Attempts that run, in all and per run, and what they take. */
interface Load {
  computing: number;
  readonly perRun: Map<number, number>;
  readonly livePerRun: Map<number, number>;
  used: ResourceAmounts;
}

function count(load: Load, action: ActionRecord, amounts: ResourceAmounts): void {
  load.computing++;
  load.perRun.set(action.runId, (load.perRun.get(action.runId) ?? 0) + 1);
  load.livePerRun.set(action.runId, (load.livePerRun.get(action.runId) ?? 0) + 1);
  load.used = sum(load.used, amounts);
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
    let free = options.maxParallel - load.computing;
    while (free > 0 && !stopped) {
      const heads = await store.queueHeads(clock.now(), RUNS_PER_LOOK);
      const open = await keep(heads, (head) => mayStart(head, load));
      if (open.length === 0) return;
      const fewest = (action: ActionRecord) => load.perRun.get(action.runId) ?? 0;
      for (const head of open.toSorted((a, b) => fewest(a) - fewest(b)).slice(0, free)) {
        const lack = await placeFor(head, load);
        if (lack !== undefined) {
          await options.apply(head.key, { type: "waiting", reason: lack });
          // What the oldest waits for is kept for it: smaller ones behind it would let it starve.
          if (head === open[0]) return;
          continue;
        }
        const admitted = await admit(options, head);
        if (admitted === undefined) continue;
        free--;
        count(load, admitted, takes(await definitionOf(head)));
        attempts.supervise(admitted);
      }
    }
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
    const load: Load = { computing: 0, perRun: new Map(), livePerRun: new Map(), used: {} };
    for (const action of await store.liveAttempts()) {
      load.livePerRun.set(action.runId, (load.livePerRun.get(action.runId) ?? 0) + 1);
      const { cpu, ...held } = takes(await definitionOf(action));
      const computes = !(await store.awaitsChildren(action));
      load.used = sum(load.used, computes && cpu !== undefined ? { ...held, cpu } : held);
      if (!computes) continue;
      load.computing++;
      load.perRun.set(action.runId, (load.perRun.get(action.runId) ?? 0) + 1);
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
