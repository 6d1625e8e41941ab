/** How containers reach this machine, and which connections may come from them. */
import { networkInterfaces } from "node:os";
import type { ContainerConnections } from "../domain/auth-mode.ts";
import { isLoopback } from "../lib/loopback.ts";
import type { EngineApi } from "../containers/api.ts";
import type { EngineInfo } from "../containers/types.ts";
import { HOST_NAMES } from "../executors/container/network-fields.ts";
import { Bridges } from "./bridges.ts";
import { classWithoutBridges, type ConnectionClass } from "./reach.ts";

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
  /** Entries for a container's /etc/hosts, so that HOST_NAMES lead to this machine with every engine. */
  readonly hostEntries: readonly string[];
  /** This machine's addresses on the engine's default bridge. */
  readonly gateways: readonly string[];
  /** The interface of the engine's default network on its machine. */
  readonly defaultBridge: string;
  /** Where networks of runs are registered; undefined where their gateways are no addresses of this machine. */
  readonly runBridges: Bridges | undefined;
  readonly containerConnections: ContainerConnections;
  /** Whether engine and containers run in a virtual machine, whose connections arrive at loopback. */
  readonly inVirtualMachine: boolean;
  /**
   * Whether a connection that arrived at this local address, from that one, may come from a container or from
   * this machine itself: loopback and the bridges' gateways. Other addresses are those of the outer network.
   */
  readonly isAllowedLocalAddress: (address: string, from: string) => boolean;
  /** The class of a connection to the local `address` from the remote one. */
  readonly classOf: (address: string, from: string) => ConnectionClass;
}

export interface EngineNetworkOptions {
  readonly api: EngineApi;
  readonly info: EngineInfo;
  readonly platform?: NodeJS.Platform;
  readonly interfaces?: typeof networkInterfaces;
}

const { docker: DOCKER_NAME, podman: PODMAN_NAME } = HOST_NAMES;

/** The default networks, whose gateway is this machine. */
const DEFAULT_NETWORKS = ["bridge", "podman"];

export async function readEngineNetwork(options: EngineNetworkOptions): Promise<EngineNetwork> {
  const { api, info, platform = process.platform, interfaces = networkInterfaces } = options;
  const inVirtualMachine =
    platform !== "linux" || info.operatingSystem === "Docker Desktop" || !api.onThisMachine;
  const networks = await api.networks.list();
  const bridges = new Bridges();
  const runBridges = new Bridges();
  // Without root (or in a virtual machine) the gateway is not an address of this machine.
  const isDirect = !info.rootless && !inVirtualMachine;
  if (isDirect) for (const network of networks) if (network.driver === "bridge") bridges.add(network);
  const defaults = networks.filter(({ name }) => DEFAULT_NETWORKS.includes(name));
  const direct = defaults.flatMap(({ gateways }) => gateways.filter((gateway) => bridges.isGateway(gateway)));
  const name: HostCandidate =
    api.engine === "podman"
      ? { host: PODMAN_NAME, why: "podman's name for this machine" }
      : {
          host: DOCKER_NAME,
          extraHost: `${DOCKER_NAME}:host-gateway`,
          why: "docker's name for this machine",
        };
  const own = info.rootless && !inVirtualMachine ? externalAddresses(interfaces()) : [];
  return {
    candidates: [
      ...direct.map((host) => ({ host, why: `gateway of the ${api.engine} bridge` })),
      name,
      ...own.map((host) => ({ host, why: "this machine's own address" })),
    ],
    hostEntries: hostEntries(api, direct[0] ?? own[0]),
    gateways: direct,
    defaultBridge: defaults[0]?.bridge ?? "",
    runBridges: isDirect ? runBridges : undefined,
    containerConnections: isDirect ? "bridge" : "loopback",
    inVirtualMachine,
    isAllowedLocalAddress: (address, from) => {
      if (isLoopback(address) || direct.includes(address) || runBridges.isGateway(address)) return true;
      // Rootless containers' connections are made by a process of this machine, between its own addresses.
      return own.includes(address) && own.includes(from);
    },
    classOf: (address, from) => {
      const other = classWithoutBridges(address, from);
      if (other !== "outer") return other;
      // Asked with each request: nearly all of containers come to a gateway, and a subnet takes far longer to look up.
      const all = [bridges, runBridges];
      const isBridge = all.some((each) => each.isGateway(address)) || all.some((each) => each.contains(from));
      return isBridge ? "bridge" : other;
    },
  };
}

/** Podman knows its own name, and from 4.7 on Docker's too; before that it does not know "host-gateway". */
function hostEntries({ engine, version }: EngineApi, address: string | undefined): string[] {
  if (engine === "docker") return [DOCKER_NAME, PODMAN_NAME].map((name) => `${name}:host-gateway`);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const knowsBoth = major > 4 || (major === 4 && minor >= 7);
  return knowsBoth || address === undefined ? [] : [`${DOCKER_NAME}:${address}`];
}

function externalAddresses(all: ReturnType<typeof networkInterfaces>): string[] {
  return Object.values(all).flatMap((addresses) =>
    (addresses ?? []).filter((each) => !each.internal && each.family === "IPv4").map((each) => each.address),
  );
}
