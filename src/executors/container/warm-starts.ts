/** What a container executor has beyond containers that are made for each attempt. */
import { mkdir, realpath } from "node:fs/promises";
import type { EngineApi } from "../../containers/api.ts";
import type { WarmStartSetting } from "../../domain/warm-start.ts";
import type { Logger } from "../../lib/log.ts";
import type { AttemptSpec } from "../executor.ts";
import type { StartAdapter } from "../start-adapter.ts";
import { Assignments } from "../workers/assignments.ts";
import { modeOf } from "../workers/plan.ts";
import { WorkerEnds } from "../workers/worker-end.ts";
import type { WorkerMaker, WorkerPools } from "../workers/worker.ts";
import type { ConfinementPolicy } from "./confinement.ts";
import type { ContainerAttemptContext } from "./container-attempt.ts";
import { planInContainer } from "./plan-in-container.ts";
import { workerDirectories } from "./worker-directories.ts";
import { removeIdleWorkers, WorkerContainers } from "./worker-containers.ts";

export interface WarmStarts {
  /** Where neither the run nor the task says otherwise. */
  readonly setting: WarmStartSetting;
  readonly pools: WorkerPools;
  readonly assignments: Assignments;
  readonly workers: WorkerContainers;
  readonly ends: WorkerEnds;
}

export interface WarmStartOptions {
  readonly setting: WarmStartSetting;
  /** For the directories of workers; no directory of its path is a link. */
  readonly directory: string;
  readonly assignments: Assignments;
  readonly createPools: (maker: WorkerMaker) => WorkerPools;
}

export interface OpenOptions {
  readonly api: EngineApi;
  readonly instance: string;
  /** Of the server's data. */
  readonly dataDirectory: string;
  readonly log: Logger;
}

/** Takes over what an earlier server of this instance has left: attempts in workers go on, idle workers are removed. */
export async function openWorkers({
  api,
  instance,
  dataDirectory,
  log,
}: OpenOptions): Promise<Pick<WarmStartOptions, "directory" | "assignments">> {
  const { directories, assignments: file } = workerDirectories(dataDirectory);
  await mkdir(directories, { recursive: true, mode: 0o700 });
  // Where a link leads to the data: what lies elsewhere than its path says is not read, as code of tasks may have put it there.
  const directory = await realpath(directories);
  const assignments = await Assignments.open(file, log);
  await removeIdleWorkers(api, instance, { assignments, directory, log });
  return { directory, assignments };
}

export function createWarmStarts(
  { setting, directory, assignments, createPools }: WarmStartOptions,
  context: () => ContainerAttemptContext,
): WarmStarts {
  const workers = new WorkerContainers({ directory, context });
  return { setting, assignments, workers, ends: new WorkerEnds(assignments), pools: createPools(workers) };
}

export interface ExpectContext {
  readonly warm: WarmStarts;
  readonly adapter: StartAdapter;
  readonly policy: ConfinementPolicy;
  readonly log: Logger;
}

/** Attempts whose image is not here yet are not expected: nothing is known of how they start. */
export async function expectInWorkers(
  attempts: readonly AttemptSpec[],
  { warm, adapter, policy, log }: ExpectContext,
): Promise<void> {
  const { signal } = new AbortController();
  const planning = attempts.map(async (spec) => {
    const mode = modeOf(spec, warm.setting);
    const adapted = mode === undefined ? undefined : await adapter.adapt(spec, { signal });
    if (mode === undefined || adapted === undefined) return [];
    const planned = planInContainer(adapted, mode, policy);
    return "cold" in planned ? [] : [planned.plan];
  });
  const plans = await Promise.allSettled(planning);
  for (const plan of plans)
    if (plan.status === "rejected")
      log.debug("a worker could not be planned for attempts to come", { error: plan.reason as unknown });
  warm.pools.expect(plans.flatMap((plan) => (plan.status === "fulfilled" ? plan.value : [])));
}
