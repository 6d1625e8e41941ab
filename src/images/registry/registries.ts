/** What the settings file says of registries; what it leaves out is as the engine has it. */
export interface RegistrySettings {
  readonly login?: Login | undefined;
  /** Plain HTTP. Where nothing is said, a registry on this machine's loopback is taken to speak that. */
  readonly insecure?: boolean | undefined;
  /** A PEM file with the authority that signed its certificate, trusted for this registry only. */
  readonly caFile?: string | undefined;
}

export interface Login {
  readonly username: string;
  /** Asked at each use: a password that is renewed while the server runs counts at once. */
  readonly password: () => Promise<string>;
}

/** By host, as image references name it: `docker.io`, `registry.example.com:5000`. */
export type Registries = ReadonlyMap<string, RegistrySettings>;

export const NO_REGISTRIES: Registries = new Map();

/** Whether this registry is spoken to without TLS. Hosts that never leave this machine are, as with docker. */
export function isInsecure(registries: Registries, host: string): boolean {
  const { insecure, caFile } = registries.get(host) ?? {};
  return insecure ?? (caFile === undefined && isLoopbackHost(host));
}

export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, "");
  return name === "localhost" || name === "[::1]" || /^127\.[0-9.]+$/.test(name);
}
