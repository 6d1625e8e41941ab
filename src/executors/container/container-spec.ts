/** From an attempt to what the engine is asked to create, and back from labels to the attempt. */
import type { AttemptKey } from "../../domain/attempt.ts";
import { createHash } from "node:crypto";
import type { AttemptSpec } from "../executor.ts";
import { WORKER_PATH } from "../../domain/worker-protocol.ts";
import { confine, type ConfinementPolicy } from "./confinement.ts";
import { confinementFields, gpusOf, memoryLimitOf, optionFields } from "./container-options.ts";
import { networkFields, type NetworkUse } from "./network-fields.ts";
import type { EngineInfo, EngineName } from "../../containers/types.ts";

export const LABEL = {
  /** What a container is for: see ContainerKind. Engines give containers the labels of their image, too, but for this one. */
  kind: "dev.boxkite.kind",
  instance: "dev.boxkite.instance",
  project: "dev.boxkite.project",
  domain: "dev.boxkite.domain",
  run: "dev.boxkite.run",
  action: "dev.boxkite.action",
  attempt: "dev.boxkite.attempt",
  network: "dev.boxkite.network",
  /** Of a container that only finds something out, the instance. */
  probe: "dev.boxkite.probe",
  /** Milliseconds since the epoch after which such a container is left over. */
  probeUntil: "dev.boxkite.probe-until",
  /** Of a worker, its name, and the pool that it belongs to. */
  worker: "dev.boxkite.worker",
  pool: "dev.boxkite.pool",
  /** Of a container that somebody starts on a terminal, the id of its reproduction. */
  reproduction: "dev.boxkite.reproduction",
  /** Milliseconds since the epoch after which that is left over. */
  reproductionUntil: "dev.boxkite.reproduction-until",
} as const;

/** Each container has its own, so that no label of an image makes it one of another kind. */
export type ContainerKind = "attempt" | "worker" | "probe" | "reproduction";

export interface ContainerSettings extends NetworkUse {
  readonly instance: string;
  readonly engine: EngineName;
  readonly info: EngineInfo;
  readonly policy: ConfinementPolicy;
}

/**
 * The name is a function of instance and key: creating it a second time finds the first one. What
 * people can read comes first, what makes it unique last.
 */
export function containerName(instance: string, key: AttemptKey): string {
  const identity = [instance, key.project, key.domain, key.run, key.action, key.attempt].join("\n");
  const hash = createHash("sha256").update(identity).digest("hex").slice(0, 16);
  return `boxkite-${key.run.slice(0, 30)}-${key.action.slice(0, 30)}-${key.attempt}-${hash}`;
}

/** What tells the container of a worker from that of an attempt. */
export interface WorkerBody {
  readonly name: string;
  readonly pool: string;
  /** Of this machine, mounted at WORKER_PATH. */
  readonly directory: string;
}

/**
 * The image's WORKDIR, USER, ENV and ENTRYPOINT stand: no field here replaces them, but the ENTRYPOINT
 * where the attempt says so. Nothing is mounted that it does not ask for.
 */
export function containerBody(spec: AttemptSpec, settings: ContainerSettings, worker?: WorkerBody): unknown {
  const gpus = gpusOf(spec);
  const { info } = settings;
  const confinement = confine(spec, settings.policy);
  const memoryBytes = memoryLimitOf(spec, confinement, info);
  const options = optionFields(
    spec,
    confinement,
    worker && [{ source: worker.directory, target: WORKER_PATH }],
  );
  const own = worker === undefined ? attemptLabels(spec.key) : workerLabels(spec.key, worker);
  const env = { ...spec.env, ...spec.secretVariables };
  return {
    ...options.body,
    Image: spec.image.pinned,
    Cmd: spec.args,
    ...(spec.command.length > 0 && { Entrypoint: spec.command }),
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    Labels: { ...spec.labels, [LABEL.instance]: settings.instance, ...own, ...networkLabel(settings) },
    HostConfig: {
      ...networkFields(spec, settings),
      // Drivers whose logs can be read back; journald is Podman's default on many systems, and not
      // readable everywhere.
      LogConfig: { Type: settings.engine === "podman" ? "k8s-file" : "json-file", Config: {} },
      ...confinementFields(confinement, settings.engine, info),
      ...cpuFields(spec, info),
      ...memoryFields(memoryBytes, info),
      ...sharedMemoryFields(spec, info),
      ...(gpus > 0 && { DeviceRequests: [{ Driver: "", Count: gpus, Capabilities: [["gpu"]] }] }),
      ...options.host,
    },
  };
}

/**
 * What the engine cannot enforce is left out, since some refuse to start a container with it; examine.ts reports it.
 * A limit at or above the machine's processors limits nothing, and Docker refuses one above. The
 * request becomes a weight, as in Kubernetes: it only matters when processors are short.
 */
function cpuFields({ limits, requests }: AttemptSpec, info: EngineInfo): object {
  if (!info.limits.cpu) return {};
  return {
    ...(limits.cpu !== undefined &&
      (info.cpus === 0 || limits.cpu < info.cpus) && {
        NanoCpus: Math.max(Math.round(limits.cpu * 1e9), 10_000_000),
      }),
    ...(requests.cpu !== undefined && { CpuShares: Math.max(Math.round(requests.cpu * 1024), 2) }),
  };
}

/** Without the second field an attempt could use as much swap on top. */
function memoryFields(bytes: number | undefined, { swapLimit }: EngineInfo): object {
  return bytes === undefined ? {} : { Memory: bytes, ...(swapLimit && { MemorySwap: bytes }) };
}

/**
 * What is in shared memory counts towards the container's memory, so "auto" is what the limit lets in: the
 * size that Kubernetes gives a volume in memory without a size of its own. Without the field an engine
 * gives 64 MB.
 */
function sharedMemoryFields({ sharedMemoryBytes, limits }: AttemptSpec, { memoryBytes }: EngineInfo): object {
  if (sharedMemoryBytes === undefined) return {};
  if (sharedMemoryBytes !== "auto") return { ShmSize: sharedMemoryBytes };
  // An engine that does not report its memory says 0.
  const bytes = Math.min(limits.memoryBytes ?? Infinity, memoryBytes || Infinity);
  return Number.isFinite(bytes) ? { ShmSize: bytes } : {};
}

function attemptLabels(key: AttemptKey): Record<string, string> {
  return {
    [LABEL.kind]: "attempt" satisfies ContainerKind,
    [LABEL.project]: key.project,
    [LABEL.domain]: key.domain,
    [LABEL.run]: key.run,
    [LABEL.action]: key.action,
    [LABEL.attempt]: String(key.attempt),
  };
}

/** It is no attempt's container, also where it runs one: which one, assignments.ts knows. */
function workerLabels(
  { project, domain, run }: AttemptKey,
  { name, pool }: WorkerBody,
): Record<string, string> {
  return {
    [LABEL.kind]: "worker" satisfies ContainerKind,
    [LABEL.worker]: name,
    [LABEL.pool]: pool,
    [LABEL.project]: project,
    [LABEL.domain]: domain,
    ...(run !== "" && { [LABEL.run]: run }),
  };
}

function networkLabel({ network }: NetworkUse): Record<string, string> {
  return network === undefined ? {} : { [LABEL.network]: network.name };
}

/** Undefined for a container that carries the instance's label but is no attempt. */
export function keyOfLabels(labels: Readonly<Record<string, string>>): AttemptKey | undefined {
  // One that an earlier version made has no kind.
  const kind = labels[LABEL.kind] ?? "attempt";
  if (kind !== "attempt") return undefined;
  const {
    [LABEL.project]: project,
    [LABEL.domain]: domain,
    [LABEL.run]: run,
    [LABEL.action]: action,
  } = labels;
  const attempt = Number(labels[LABEL.attempt]);
  if (project === undefined || domain === undefined || run === undefined || action === undefined)
    return undefined;
  return Number.isInteger(attempt) && attempt > 0 ? { project, domain, run, action, attempt } : undefined;
}
