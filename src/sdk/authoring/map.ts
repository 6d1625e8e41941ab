/** Many calls of one task with bounded concurrency. */
import { group } from "./group.ts";
import { sharedState } from "./state.ts";
import type { Task } from "./task.ts";

export interface MapOptions {
  /** The maximum number of concurrent calls. @default no limit */
  readonly concurrency?: number;
  /** Shown as the group of these calls. @default the task's name and "map" */
  readonly group?: string;
}

async function mapAll<In, Out>(
  task: Task<In, Out>,
  inputs: Iterable<In>,
  options: MapOptions = {},
): Promise<Out[]> {
  const items = [...inputs];
  const results: Out[] = [];
  await eachBounded(task, items, options, true, async (index, call) => {
    results[index] = await call;
  });
  return results;
}

async function mapSettled<In, Out>(
  task: Task<In, Out>,
  inputs: Iterable<In>,
  options: MapOptions = {},
): Promise<PromiseSettledResult<Out>[]> {
  const items = [...inputs];
  const results: PromiseSettledResult<Out>[] = [];
  await eachBounded(task, items, options, false, async (index, call) => {
    const [result] = await Promise.allSettled([call]);
    results[index] = result;
  });
  return results;
}

async function eachBounded<In, Out>(
  task: Task<In, Out>,
  items: readonly In[],
  options: MapOptions,
  stopAtFailure: boolean,
  take: (index: number, call: Promise<Out>) => Promise<void>,
): Promise<void> {
  const concurrency = options.concurrency ?? Number.POSITIVE_INFINITY;
  if (!(concurrency >= 1)) throw new RangeError(`concurrency must be 1 or more, got ${options.concurrency}`);
  const callTask = task as unknown as (input: In) => Promise<Out>;
  let next = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const index = next++;
      try {
        await take(index, callTask(items[index] as In));
      } catch (error) {
        failed = stopAtFailure;
        throw error;
      }
    }
  };
  const work = async (): Promise<void> => {
    await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  };
  if (sharedState().storage.getStore() === undefined) return work();
  await group(options.group ?? `${task.fullName}_map`, work);
}

export interface MapTasks {
  /**
   * Calls the task once per element and resolves to the results in the order of the elements. The first
   * failure rejects, and no further calls are started.
   */
  <In, Out>(task: Task<In, Out>, inputs: Iterable<In>, options?: MapOptions): Promise<Out[]>;
  /** Calls the task for every element; failures are results: `{ status: "rejected", reason }`. */
  settled<In, Out>(
    task: Task<In, Out>,
    inputs: Iterable<In>,
    options?: MapOptions,
  ): Promise<PromiseSettledResult<Out>[]>;
}

/** Many calls of one task: `flyte.map(train, inputs, { concurrency: 10 })`. */
export const map: MapTasks = Object.assign(mapAll, { settled: mapSettled });
