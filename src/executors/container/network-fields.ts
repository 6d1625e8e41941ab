/** How a container is asked to be on the network of its run, and what its variables say of the way to the server. */
import type { AttemptSpec } from "../executor.ts";
import type { RunNetwork } from "./run-networks.ts";

/** This machine's names in containers; docs/images.md promises the first. */
export const HOST_NAMES = { docker: "host.docker.internal", podman: "host.containers.internal" } as const;

/** Those that name the server: see plain-environment.ts. */
const ENDPOINT_VARIABLES = ["_U_EP_OVERRIDE", "FLYTE_AWS_ENDPOINT"];

/**
 * A container without a route out also drops what comes from networks to which it has none (rp_filter 2, RFC 3704:
 * loose): Podman's firewall rules leave internal networks out, so single packets would arrive. And it asks nobody for
 * names: Docker's daemon might ask in its place.
 */
const NO_EGRESS = { Sysctls: { "net.ipv4.conf.all.rp_filter": "2" }, Dns: ["127.0.0.1"] };

/** Lines for /etc/hosts, `name:address`, and the network. */
export interface NetworkUse {
  readonly extraHosts: readonly string[];
  /** The network of its run; without one it is on the engine's own. */
  readonly network?: RunNetwork | undefined;
}

/** Fields of `HostConfig`. */
export function networkFields(spec: AttemptSpec, { network, extraHosts }: NetworkUse): object {
  const entries = spec.network === "none" ? [] : hostEntries(network, extraHosts);
  return {
    // Of the engine's choice without a network of the run: its bridge when it runs as root.
    NetworkMode: network?.name ?? "default",
    ...(network?.internal === true && NO_EGRESS),
    ...(entries.length > 0 && { ExtraHosts: entries }),
  };
}

/** This machine has an address of its own on each network, and on an internal one it has no other. */
function hostEntries(network: RunNetwork | undefined, otherwise: readonly string[]): readonly string[] {
  const gateway = gatewayOf(network);
  if (gateway === undefined) return otherwise;
  return Object.values(HOST_NAMES).map((name) => `${name}:${gateway}`);
}

/** This machine's address, where containers reach it at their network's gateway. */
export function gatewayOf(network: RunNetwork | undefined): string | undefined {
  return network?.isDirect === true ? network.gateways.find((each) => !each.includes(":")) : undefined;
}

/** With the gateway for the server's name: an image without files for it may not resolve what /etc/hosts says. */
export function withGateway(
  env: Readonly<Record<string, string>>,
  network: RunNetwork | undefined,
): Readonly<Record<string, string>> {
  const gateway = gatewayOf(network);
  if (gateway === undefined) return env;
  const replaced = ENDPOINT_VARIABLES.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value.replace(HOST_NAMES.docker, gateway)] as const];
  });
  return { ...env, ...Object.fromEntries(replaced) };
}
