/** What this machine has to give to attempts. */
import { readdirSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import type { ResourceAmounts } from "../domain/task.ts";

export function machineCapacity(): Required<ResourceAmounts> {
  return { cpu: availableParallelism(), memoryBytes: totalmem(), gpu: countGpus() };
}

/** NVIDIA's driver makes one device file for each card; other makes are not passed to containers yet. */
export function countGpus(): number {
  try {
    return readdirSync("/dev").filter((name) => /^nvidia\d+$/u.test(name)).length;
  } catch {
    // No such directory: not Linux.
    return 0;
  }
}
