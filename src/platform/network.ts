/** How containers reach this machine, and which connections may come from them. */
import { networkInterfaces } from "node:os";
import { isLoopback } from "../lib/loopback.ts";
import type { EngineApi } from "../containers/api.ts";
import type { EngineInfo } from "../containers/types.ts";

/** A host by which a container may reach this machine. */
export interface HostCandidate {
  readonly host: string;
  /** An entry for /etc/hosts, without which the name does not resolve in a container. */
  readonly extraHost?: string;
  readonly why: string;
}

export interface EngineNetwork {
  /** In order of preference. */
  readonly candidates: readonly HostCandidate[];
  /** This machine's addresses on the engine's bridges. */
  readonly gateways: readonly string[];
  /** Whether engine and containers run in a virtual machine, whose connections arrive at loopback. */
  readonly inVirtualMachine: boolean;
  /**
   * Whether a connection that arrived at this local address, from that one, may come from a container or from
   * this machine itself: loopback and the bridges' gateways. Other addresses are those of the outer network.
   */
  readonly isAllowedLocalAddress: (address: string, from: string) => boolean;
}

export interface EngineNetworkOptions {
  readonly api: EngineApi;
  readonly info: EngineInfo;
  readonly platform?: NodeJS.Platform;
  readonly interfaces?: typeof networkInterfaces;
}

/** The default networks, whose gateway is this machine. */
const DEFAULT_NETWORKS = ["bridge", "podman"];

export async function readEngineNetwork(options: EngineNetworkOptions): Promise<EngineNetwork> {
  const { api, info, platform = process.platform, interfaces = networkInterfaces } = options;
  const inVirtualMachine =
    platform !== "linux" || info.operatingSystem === "Docker Desktop" || !api.onThisMachine;
  const networks = await api.listNetworks();
  const gateways = networks
    .filter((network) => network.driver === "bridge" && DEFAULT_NETWORKS.includes(network.name))
    .flatMap((network) => network.gateways);

  // Without root (or in a virtual machine) the gateway is not an address of this machine.
  const direct = info.rootless || inVirtualMachine ? [] : gateways;
  const name: HostCandidate =
    api.engine === "podman"
      ? { host: "host.containers.internal", why: "podman's name for this machine" }
      : {
          host: "host.docker.internal",
          extraHost: "host.docker.internal:host-gateway",
          why: "docker's name for this machine",
        };
  const own = info.rootless && !inVirtualMachine ? externalAddresses(interfaces()) : [];
  return {
    candidates: [
      ...direct.map((host) => ({ host, why: `gateway of the ${api.engine} bridge` })),
      name,
      ...own.map((host) => ({ host, why: "this machine's own address" })),
    ],
    gateways: direct,
    inVirtualMachine,
    isAllowedLocalAddress: (address, from) => {
      if (isLoopback(address) || direct.includes(address)) return true;
      // Rootless containers' connections are made by a process of this machine, between its own addresses.
      return own.includes(address) && own.includes(from);
    },
  };
}

function externalAddresses(all: ReturnType<typeof networkInterfaces>): string[] {
  return Object.values(all).flatMap((addresses) =>
    (addresses ?? []).filter((each) => !each.internal && each.family === "IPv4").map((each) => each.address),
  );
}
