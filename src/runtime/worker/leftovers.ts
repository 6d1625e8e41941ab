/** What attempts leave behind in a process that lives on: timers, handles, memory. */

export interface ProcessUsage {
  /** What keeps the event loop alive: timers, sockets, children. */
  readonly resources: number;
  readonly residentBytes: number;
}

/** Beyond what there was after the first attempt. Those that run may have as many again. */
const MAX_RESOURCES = 64;
/** A worker that has grown by half of what it may use is replaced before it runs out of memory. */
const GROWTH = 0.5;
const MAX_GROWTH_BYTES = 2 * 1024 ** 3;

/** Bytes that this process may use: of its container, or of the machine. */
export function availableBytes(): number {
  const limit = process.constrainedMemory();
  return Math.min(limit > 0 ? limit : Number.POSITIVE_INFINITY, process.availableMemory());
}

export function currentUsage(): ProcessUsage {
  return {
    resources: process.getActiveResourcesInfo().length,
    residentBytes: process.memoryUsage.rss(),
  };
}

export class Leftovers {
  readonly #maxGrowthBytes: number;
  #first: ProcessUsage | undefined;

  constructor(available: number) {
    this.#maxGrowthBytes = Math.min(GROWTH * available, MAX_GROWTH_BYTES);
  }

  /**
   * After each attempt, the first of which loads what all of them use; `running`: the attempts that go on. Returns why the
   * process should take no more.
   */
  check(usage: ProcessUsage, running: number): string | undefined {
    const first = (this.#first ??= usage);
    const resources = usage.resources - first.resources;
    if (resources > MAX_RESOURCES * (running + 1))
      return `its tasks have left ${resources} timers, sockets or child processes behind`;
    const bytes = usage.residentBytes - first.residentBytes;
    if (bytes > this.#maxGrowthBytes)
      return `its memory has grown by ${Math.round(bytes / 1024 ** 2)} MiB since its first task`;
    return undefined;
  }
}
