/** Attempts in workers of the modes fork and resident, where workers are containers. */
import type { EngineApi } from "../../containers/api.ts";
import type { LogSink } from "../../domain/attempt.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { orAborted } from "../../lib/wait.ts";
import type { AttemptObserver, AttemptSpec } from "../executor.ts";
import { modeOf } from "../workers/plan.ts";
import type { LimitQuestion, PlannedStart, PooledWorkers } from "../workers/held-in-worker.ts";
import { PooledAttempt } from "../workers/pooled-attempt.ts";
import type { WorkerEnd, WorkerPlan } from "../workers/worker.ts";
import type { ContainerAttemptContext } from "./container-attempt.ts";
import { containerName } from "./container-spec.ts";
import type { ContainerWorker } from "./container-worker.ts";
import {
  putSecretFiles,
  reportConfinement,
  reportInherited,
  type CreateContext,
} from "./create-container.ts";
import { reportEgress } from "./join-network.ts";
import { EngineRetry } from "./engine-retry.ts";
import { limitFactsOf } from "./limit-facts.ts";
import { withGateway } from "./network-fields.ts";
import { workerMember } from "./network-member.ts";
import { orderId } from "./one-shot.ts";
import { planInContainer } from "./plan-in-container.ts";
import { putArchives } from "./put-archives.ts";
import type { WarmStarts } from "./warm-starts.ts";

/** Undefined: it is not to start in such a worker, and none has it. */
export function pooledAttempt(
  context: ContainerAttemptContext,
  spec: AttemptSpec,
  sink: LogSink,
  observer: AttemptObserver,
): PooledAttempt | undefined {
  const { warm, adapter, settings, clock, networks } = context;
  if (warm === undefined || adapter === undefined) return undefined;
  const name = containerName(settings.instance, spec.key);
  const assigned = warm.assignments.of(name)?.warm.mode;
  const mode = assigned ?? modeOf(spec, warm.setting);
  if (mode !== "fork" && mode !== "resident") return undefined;
  const log = context.log.child({ container: name });
  const plan = async (signal: AbortSignal): Promise<PlannedStart | undefined> => {
    const onProgress = (message: string) => {
      if (!signal.aborted) observer.progress(message);
    };
    const adapted = await orAborted(adapter.adapt(spec, { signal, onProgress }), signal).catch(
      (error: unknown) => {
        // Why it cannot start as a container, its cold start reports.
        if (!signal.aborted && error instanceof BoxkiteError) return undefined;
        throw error;
      },
    );
    if (adapted === undefined) return undefined;
    const planned = planInContainer(adapted, mode, settings.policy);
    if (!("cold" in planned)) return { ...planned, spec: adapted.spec, start: adapted.start };
    log.debug("no worker can take the attempt", { reason: planned.cold });
    return undefined;
  };
  return new PooledAttempt({
    ...warm,
    name,
    id: orderId(name),
    spec,
    plan,
    workers: pooledWorkers({ ...context, log }, warm, sink, observer),
    envIn: (worker, env) => withGateway(env, networks?.of(worker)),
    sink,
    observer,
    clock,
    log,
  });
}

function pooledWorkers(
  context: ContainerAttemptContext,
  warm: WarmStarts,
  sink: LogSink,
  observer: AttemptObserver,
): PooledWorkers {
  const { workers } = warm;
  return {
    takeUp: (name, plan) => workers.takeUp(name, plan),
    directoryOf: (name) => workers.directoryOf(name),
    kill: (name) => workers.kill(name),
    endOf: (name) => endOf(context.api, name),
    putFiles: async ({ name }, { plan, spec }, signal) => {
      const worker = workers.of(name);
      if (worker === undefined) throw new Error(`the worker ${name} was removed`);
      await putFiles(context, worker, { plan, spec, sink, observer }, signal);
    },
    limitFacts: (name, of) => limitFactsIn(context, name, of),
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
  context: ContainerAttemptContext,
  { name, archives }: Pick<ContainerWorker, "name" | "archives">,
  { plan, ...of }: Pick<CreateContext, "spec" | "sink" | "observer"> & { readonly plan: WorkerPlan },
  signal: AbortSignal,
): Promise<void> {
  const member = workerMember(name, { ...plan.container.key, pool: plan.pool });
  const retry = new EngineRetry({ ...context, onUnreachable: (message) => of.observer.progress(message) });
  const creation: CreateContext = { ...context, ...of, name, member, retry };
  reportConfinement(creation);
  reportEgress(creation);
  await reportInherited(creation, signal);
  await putSecretFiles(creation, name, signal);
  for (const archive of of.spec.archives ?? [])
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
