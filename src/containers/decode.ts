/** Decodes the engines' JSON. */
import { BoxkiteError } from "../domain/errors.ts";
import type {
  ContainerState,
  ContainerSummary,
  EngineInfo,
  EngineName,
  EngineImage,
  NetworkDetails,
} from "./types.ts";

/** The newest version of the API that this client was written for. */
const MAX_API_VERSION = "1.47";

export interface EngineVersion {
  readonly engine: EngineName;
  readonly version: string;
  readonly apiVersion: string;
}

/** JSON of the engine: only the fields named here are read, each with a default. */
export type Raw = Readonly<Record<string, unknown>>;

export function parse(text: string): Raw {
  try {
    return JSON.parse(text) as Raw;
  } catch (error) {
    throw new BoxkiteError("ENGINE_FAILED", "the container engine answered with something that is not JSON", {
      cause: error,
    });
  }
}

export function decodeVersion(text: string): EngineVersion | undefined {
  let raw: Raw;
  try {
    raw = JSON.parse(text) as Raw;
  } catch {
    return undefined;
  }
  if (typeof raw.ApiVersion !== "string") return undefined;
  const components = (raw.Components ?? []) as readonly Raw[];
  const podman = components.some((component) => stringOf(component.Name).startsWith("Podman"));
  return {
    engine: podman ? "podman" : "docker",
    version: stringOf(raw.Version, "unknown"),
    apiVersion: compareVersions(raw.ApiVersion, MAX_API_VERSION) > 0 ? MAX_API_VERSION : raw.ApiVersion,
  };
}

function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split(".").map(Number);
  const [majorB = 0, minorB = 0] = b.split(".").map(Number);
  return majorA - majorB || minorA - minorB;
}

/** Docker reports `x86_64`, Podman and images have `amd64`. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64", armv7l: "arm" };

export function decodeInfo(raw: Raw): EngineInfo {
  const architecture = stringOf(raw.Architecture);
  const options = (raw.SecurityOptions ?? []) as readonly string[];
  return {
    architecture: ARCHITECTURES[architecture] ?? architecture,
    os: stringOf(raw.OSType, "linux"),
    cpus: Number(raw.NCPU ?? 0),
    memoryBytes: Number(raw.MemTotal ?? 0),
    rootless: raw.Rootless === true || options.some((option) => option.startsWith("name=rootless")),
    cgroupVersion: raw.CgroupVersion === "1" || raw.CgroupVersion === "2" ? raw.CgroupVersion : undefined,
    limits: {
      cpu: raw.CpuCfsQuota !== false,
      memory: raw.MemoryLimit !== false,
      pids: raw.PidsLimit !== false,
    },
    storageDriver: stringOf(raw.Driver),
    swapLimit: raw.SwapLimit === true,
    ociRuntimes: Object.keys((raw.Runtimes ?? {}) as Raw),
    operatingSystem: stringOf(raw.OperatingSystem),
  };
}

/** From Podman's own API: the limits of this user's containers, which the Docker-compatible API does not report. */
export function decodeRootlessPodman(raw: Raw): Partial<EngineInfo> {
  const host = (raw.host ?? {}) as Raw;
  const controllers = host.cgroupControllers;
  const users = (host.idMappings as Raw | undefined)?.uidmap;
  return {
    ...(Array.isArray(controllers) && {
      limits: {
        cpu: controllers.includes("cpu"),
        memory: controllers.includes("memory"),
        pids: controllers.includes("pids"),
      },
    }),
    ...(Array.isArray(users) && {
      userIds: (users as readonly Raw[]).reduce((sum, { size }) => sum + Number(size), 0),
    }),
  };
}

export function decodeImage(raw: Raw): EngineImage {
  const config = (raw.Config ?? {}) as Raw;
  return {
    // Podman's command line omits the algorithm.
    id: stringOf(raw.Id).replace(/^(?!sha256:)(?=.)/, "sha256:"),
    digests: (raw.RepoDigests ?? []) as readonly string[],
    names: (raw.RepoTags ?? []) as readonly string[],
    architecture: stringOf(raw.Architecture),
    os: stringOf(raw.Os, "linux"),
    sizeBytes: Number(raw.Size ?? 0),
    user: stringOf(config.User),
    workdir: stringOf(config.WorkingDir),
    env: Object.fromEntries(((config.Env ?? []) as readonly string[]).map(splitVariable)),
    entrypoint: (config.Entrypoint ?? []) as readonly string[],
    cmd: (config.Cmd ?? []) as readonly string[],
    volumes: Object.keys((config.Volumes ?? {}) as Raw),
    stopSignal: stringOf(config.StopSignal),
    // Podman has it beside the configuration.
    healthcheck: [config.Healthcheck, raw.Healthcheck].some(
      (each) => typeof each === "object" && each !== null,
    ),
    layers: ((raw.RootFS as Raw | undefined)?.Layers ?? []) as readonly string[],
  };
}

function splitVariable(pair: string): [string, string] {
  const at = pair.indexOf("=");
  return at === -1 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
}

/** States that the engines do not call running, in which the container has not ended. */
const UNENDED = new Set(["paused", "stopping", "restarting"]);

export function decodeContainer(raw: Raw): ContainerState {
  const state = (raw.State ?? {}) as Raw;
  const config = (raw.Config ?? {}) as Raw;
  return {
    id: stringOf(raw.Id),
    status: stringOf(state.Status),
    running: state.Running === true || UNENDED.has(stringOf(state.Status)),
    exitCode: Number(state.ExitCode ?? 0),
    oomKilled: state.OOMKilled === true,
    startedAt: decodeTime(state.StartedAt),
    endedAt: decodeTime(state.FinishedAt),
    commandLine: commandLineOf(raw),
    mounts: new Map(
      ((raw.Mounts ?? []) as Raw[]).map((each) => [stringOf(each.Destination), stringOf(each.Source)]),
    ),
    labels: (config.Labels ?? {}) as Readonly<Record<string, string>>,
  };
}

/** Of its statistics, as `docker stats` shows it; undefined for a container that does not run. */
export function decodeMemory(raw: Raw): number | undefined {
  const memory = (raw.memory_stats ?? {}) as Raw;
  const stats = (memory.stats ?? {}) as Raw;
  const usage = Number(memory.usage ?? 0);
  // Of cgroup v1 and v2. Podman does not send it.
  const cached = Number(stats.total_inactive_file ?? stats.inactive_file ?? 0);
  return usage > 0 ? Math.max(0, usage - cached) : undefined;
}

function commandLineOf({ Path: path, Args: args }: Raw): readonly string[] {
  // Arguments may be empty.
  return stringOf(path) === "" ? [] : [stringOf(path), ...((args ?? []) as readonly string[])];
}

/** The engines write the year 1 for "never". */
function decodeTime(value: unknown): number | undefined {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) || time <= 0 ? undefined : time;
}

export function decodeSummary(raw: Raw): ContainerSummary {
  return {
    id: stringOf(raw.Id),
    labels: (raw.Labels ?? {}) as Readonly<Record<string, string>>,
  };
}

/** The option of a network of Docker that names its interface. */
export const DOCKER_BRIDGE = "com.docker.network.bridge.name";

export function decodeNetwork(raw: Raw): NetworkDetails {
  const ipam = (raw.IPAM ?? {}) as Raw;
  const configs = (ipam.Config ?? []) as readonly Raw[];
  const each = (name: "Subnet" | "Gateway") =>
    configs.map((config) => stringOf(config[name])).filter(Boolean);
  return {
    name: stringOf(raw.Name),
    driver: stringOf(raw.Driver),
    subnets: each("Subnet"),
    gateways: each("Gateway"),
    bridge: stringOf(((raw.Options ?? {}) as Raw)[DOCKER_BRIDGE]),
    labels: (raw.Labels ?? {}) as Readonly<Record<string, string>>,
    internal: raw.Internal === true,
  };
}

/** Of Podman's own API. */
export function decodePodmanNetwork(raw: Raw): NetworkDetails {
  const configs = (raw.subnets ?? []) as readonly Raw[];
  const each = (name: "subnet" | "gateway") =>
    configs.map((config) => stringOf(config[name])).filter(Boolean);
  return {
    name: stringOf(raw.name),
    driver: stringOf(raw.driver),
    subnets: each("subnet"),
    gateways: each("gateway"),
    bridge: stringOf(raw.network_interface),
    labels: (raw.labels ?? {}) as Readonly<Record<string, string>>,
    internal: raw.internal === true,
  };
}

export function stringOf(value: unknown, otherwise = ""): string {
  return typeof value === "string" ? value : otherwise;
}
