/** Containers, images and networks of an engine, as far as Boxkite uses them. */
export type EngineName = "podman" | "docker";

export interface EngineInfo {
  readonly architecture: string;
  readonly os: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly rootless: boolean;
  readonly cgroupVersion: "1" | "2" | undefined;
  /** The limits of a container that are enforced; some engines reject the others. */
  readonly limits: EngineLimits;
  /** The number of user ids available to containers; undefined if the engine does not report it. */
  readonly userIds?: number;
  /** "overlay", "vfs", … */
  readonly storageDriver: string;
  /** Whether memory limits can include swap. */
  readonly swapLimit: boolean;
  /** Names of the OCI runtimes in its configuration; their programs need not be installed. */
  readonly ociRuntimes: readonly string[];
  /** E.g. "debian", "Docker Desktop". */
  readonly operatingSystem: string;
}

export interface EngineLimits {
  readonly cpu: boolean;
  readonly memory: boolean;
  /** Of the number of processes. */
  readonly pids: boolean;
}

export interface ContainerState {
  readonly id: string;
  readonly status: string;
  readonly running: boolean;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Undefined where it never started / has not ended. */
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** What runs in it: the ENTRYPOINT and its arguments. */
  readonly commandLine: readonly string[];
  /** What is mounted from the engine's machine, by where it is in the container. */
  readonly mounts: ReadonlyMap<string, string>;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ContainerSummary {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface EngineImage {
  /** The digest of its configuration, "sha256:…". */
  readonly id: string;
  /** The names by digest under which the engine knows it. */
  readonly digests: readonly string[];
  readonly names: readonly string[];
  readonly architecture: string;
  readonly os: string;
  readonly sizeBytes: number;
  readonly user: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly volumes: readonly string[];
  readonly stopSignal: string;
  readonly healthcheck: boolean;
  /** Digests of the unpacked layers, the base's first. */
  readonly layers: readonly string[];
}

export interface NetworkDetails {
  readonly name: string;
  readonly driver: string;
  /** As `address/prefix length`. */
  readonly subnets: readonly string[];
  readonly gateways: readonly string[];
  /** The name of its interface on the engine's machine; empty where the engine does not say. */
  readonly bridge: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether its containers have no route but to this machine. */
  readonly internal: boolean;
}

export interface EngineEvent {
  readonly action: string;
  readonly containerId: string;
}

export type CreateResult =
  | { readonly kind: "created"; readonly id: string }
  /** A container of this name exists. */
  | { readonly kind: "exists" }
  | { readonly kind: "image_missing" };

export interface PullOptions {
  /** Content of X-Registry-Auth. */
  readonly auth?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((line: PullProgress) => void) | undefined;
}

export interface PullProgress {
  readonly id: string;
  readonly status: string;
  readonly current?: number;
  readonly total?: number;
}
