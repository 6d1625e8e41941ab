/** Attempts in workers of the modes fork and resident, where workers are containers. */
import type { EngineApi } from "../../containers/api.ts";
import type { WorkerMode } from "../../domain/warm-start.ts";
import type { LimitQuestion, PlannedStart, PooledWorkers } from "../workers/held-in-worker.ts";
import { PooledAttempt } from "../workers/pooled-attempt.ts";
import type { WorkerEnd } from "../workers/worker.ts";
import type { AttemptContext } from "./attempt-context.ts";
import type { ContainerAttemptContext } from "./container-attempt.ts";
import type { ContainerWorker } from "./container-worker.ts";
import { putSecretFiles, type CreateContext } from "./create-container.ts";
import { limitFactsOf } from "./limit-facts.ts";
import { withGateway } from "./network-fields.ts";
import { workerMember } from "./network-member.ts";
import { orderId } from "./one-shot.ts";
import { planAttempt } from "./plan-attempt.ts";
import { putArchives } from "./put-archives.ts";
import type { WarmStarts } from "./warm-starts.ts";

export function pooledAttempt(
  attempt: AttemptContext,
  warm: WarmStarts,
  mode: Exclude<WorkerMode, "one_shot">,
): PooledAttempt {
  const { name, spec, networks, sink, observer, clock, log } = attempt;
  return new PooledAttempt({
    ...warm,
    name,
    id: orderId(name),
    spec,
    plan: (signal) => planAttempt(attempt, mode, signal),
    workers: pooledWorkers(attempt, warm),
    envIn: (worker, env) => withGateway(env, networks?.of(worker)),
    sink,
    observer,
    clock,
    log,
  });
}

function pooledWorkers(attempt: AttemptContext, { workers }: WarmStarts): PooledWorkers {
  return {
    takeUp: (name, plan) => workers.takeUp(name, plan),
    directoryOf: (name) => workers.directoryOf(name),
    kill: (name) => workers.kill(name),
    endOf: (name) => endOf(attempt.api, name),
    putFiles: async ({ name }, planned, signal) => {
      const worker = workers.of(name);
      if (worker === undefined) throw new Error(`the worker ${name} was removed`);
      await putFiles(attempt, worker, planned, signal);
    },
    limitFacts: (name, of) => limitFactsIn(attempt, name, of),
  };
}

/** How the container of a worker ended; undefined where it is gone, or runs. */
export async function endOf(api: EngineApi, name: string): Promise<WorkerEnd | undefined> {
  const state = await api.inspectContainer(name);
  if (state === undefined || state.running) return undefined;
  return {
    exitCode: state.exitCode,
    outOfMemory: state.oomKilled,
    message: `its process ended with exit code ${state.exitCode}`,
  };
}

async function putFiles(
  attempt: AttemptContext,
  { name, archives }: Pick<ContainerWorker, "name" | "archives">,
  { plan, spec }: PlannedStart,
  signal: AbortSignal,
): Promise<void> {
  const member = workerMember(name, plan.container.key);
  const creation: CreateContext = { ...attempt, spec, name, member };
  await attempt.notes.report(creation, signal);
  await putSecretFiles(creation, name, signal);
  for (const archive of spec.archives ?? [])
    await archives.put(
      `${archive.source}\n${archive.target}`,
      (life) => putArchives({ ...creation, spec: { archives: [archive] } }, name, life),
      signal,
    );
}

export interface LimitSource {
  readonly api: Pick<EngineApi, "inspectContainer" | "onThisMachine">;
  readonly settings: Pick<ContainerAttemptContext["settings"], "info" | "policy">;
}

/** Of one that others ran beside, nothing is known while its worker goes on: what was killed may have been another one's. */
export async function limitFactsIn(
  { api, settings }: LimitSource,
  name: string,
  { spec, exitCode, sinceMs, stopRequested, hasWorkerEnded }: LimitQuestion,
): Promise<ReturnType<typeof limitFactsOf>> {
  if (!hasWorkerEnded && (spec.reuse?.concurrency ?? 1) > 1) return { outOfMemory: false };
  const state = await api.inspectContainer(name).catch(() => undefined);
  if (state === undefined) return { outOfMemory: false };
  const { info, policy } = settings;
  const context = { spec, policy, api, info, stopRequested, sinceMs };
  // Of a container that goes on, the engine may mean a process of an earlier attempt.
  const own = hasWorkerEnded ? state : { ...state, exitCode, running: true, oomKilled: false };
  return limitFactsOf(own, context);
}
