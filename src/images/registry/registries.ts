import type { ProjectScope } from "../../domain/project-scope.ts";

/** Settings of registries, from the settings file; those that are missing are the engine's own. */
export interface RegistrySettings {
  /** Whose builds may push to it. */
  readonly projects?: ProjectScope | undefined;
  /** The same by the beginning of a repository's name, `team` or `team/app`; the longest one goes before `projects`. */
  readonly repositories?: ReadonlyMap<string, ProjectScope>;
  readonly login?: Login | undefined;
  /** Plain HTTP. @default true for a registry on this machine's loopback without `caFile` */
  readonly insecure?: boolean | undefined;
  /** A PEM file with the authority that signed its certificate, trusted for this registry only. */
  readonly caFile?: string | undefined;
}

export interface Login {
  readonly username: string;
  /** Called at each use, so that a renewed password takes effect while the server runs. */
  readonly password: () => Promise<string>;
}

/** By host, as in image references: `docker.io`, `registry.example.com:5000`. */
export type Registries = ReadonlyMap<string, RegistrySettings>;

export const NO_REGISTRIES: Registries = new Map();

/** Whether to use plain HTTP for this registry. As with docker, that is the default for loopback hosts. */
export function isInsecure(registries: Registries, host: string): boolean {
  const { insecure, caFile } = registries.get(host) ?? {};
  return insecure ?? (caFile === undefined && isLoopbackHost(host));
}

export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, "");
  return name === "localhost" || name === "[::1]" || /^127\.[0-9.]+$/.test(name);
}
