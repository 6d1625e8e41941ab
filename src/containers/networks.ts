/**
 * The networks of an engine. Podman's are made through its own API, which can leave out the name server of a network:
 * its program is not installed everywhere. They are read through it too: a list by the Docker-compatible one makes
 * Podman's service forget that a network is isolated (seen with 4.3.1).
 */
import { randomBytes } from "node:crypto";
import { decodeNetwork, decodePodmanNetwork, DOCKER_BRIDGE, parse, type Raw } from "./decode.ts";
import { EngineResponseError, LIBPOD, reasonOf, type CallOptions, type EngineHttp } from "./http.ts";
import { createKeyLocks } from "../lib/key-locks.ts";
import { splitSubnet, type Subnet } from "./subnets.ts";
import type { EngineName, NetworkDetails } from "./types.ts";

export interface NetworkRequest {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Its containers have no route to anything but this machine. */
  readonly internal: boolean;
  /** The name of its interface on the engine's machine, of at most 15 characters. */
  readonly bridge: string;
  /** With Podman: containers of other networks with this setting are kept out. Docker keeps all others out. */
  readonly isolate: boolean;
}

export interface EngineNetworks {
  list(): Promise<NetworkDetails[]>;
  inspect(name: string): Promise<NetworkDetails | undefined>;
  /** Throws EngineResponseError. */
  create(request: NetworkRequest): Promise<NetworkDetails>;
  /** Returns whether it is gone; false: containers use it. */
  remove(name: string): Promise<boolean>;
}

/** How often addresses are chosen that turn out to be in use. */
const MOST_CHOICES = 8;
/**
 * For 61 containers. Docker has about 30 blocks of addresses to choose from, fewer than there may be networks: it is
 * asked for one, which is split.
 */
const PART_LENGTH = 26;

export function createEngineNetworks(http: EngineHttp, engine: EngineName, prefix: string): EngineNetworks {
  const isPodman = engine === "podman";
  const base = `${isPodman ? LIBPOD : prefix}/networks`;
  const decode = isPodman ? decodePodmanNetwork : decodeNetwork;
  const json = isPodman ? "/json" : "";
  let parts: Iterator<Subnet> | undefined;
  const lock = createKeyLocks();

  const ask = async (method: string, path: string, accepted: readonly number[], options?: CallOptions) => {
    const response = await http.call(method, path, options);
    if ((response.status >= 200 && response.status < 300) || accepted.includes(response.status))
      return response;
    throw new EngineResponseError(`${method} ${path}`, response.status, reasonOf(response.text));
  };
  const inspect = async (name: string) => {
    const { status, text } = await ask("GET", `${base}/${encodeURIComponent(name)}${json}`, [404]);
    return status === 404 ? undefined : decode(parse(text));
  };
  const remove = async (name: string) => {
    const inUse = [403, 409, 500];
    const { status } = await ask("DELETE", `${base}/${encodeURIComponent(name)}`, [404, ...inUse]);
    // Podman answers 404 by a list of errors too; only what is still there is in use.
    return !inUse.includes(status) || (await inspect(name)) === undefined;
  };
  const make = async (request: NetworkRequest, subnet: Subnet | undefined): Promise<NetworkDetails> => {
    const body = isPodman ? podmanBody(request, subnet) : dockerBody(request, subnet);
    await ask("POST", `${base}/create`, [], { body });
    const made = await inspect(request.name);
    if (made === undefined) throw new EngineResponseError("POST /networks/create", 404, "it is gone already");
    return made;
  };
  /** Addresses that the engine itself would choose, so those that its administrator allows. */
  const chooseBlock = async (request: NetworkRequest): Promise<Iterator<Subnet>> => {
    const name = `boxkite-${randomBytes(8).toString("hex")}`;
    const { subnets } = await make({ ...request, name, labels: {}, internal: false }, undefined);
    await remove(name);
    return splitSubnet(subnets.find((each) => !each.includes(":")) ?? "", PART_LENGTH);
  };
  const createIn = async (request: NetworkRequest): Promise<NetworkDetails> => {
    for (let choices = 1; ; choices++) {
      parts ??= await chooseBlock(request);
      const next = parts.next();
      if (next.done === true) parts = undefined;
      else
        try {
          return await make(request, next.value);
        } catch (error) {
          if (!(error instanceof EngineResponseError) || choices === MOST_CHOICES) throw error;
          // Somebody else has taken it meanwhile.
          parts = undefined;
        }
    }
  };

  return {
    list: async () => {
      const { text } = await ask("GET", `${base}${json}`, []);
      return (parse(text) as unknown as Raw[] | null)?.map(decode) ?? [];
    },
    inspect,
    // Podman has addresses for thousands, but gives an internal network no gateway of its own accord. One at a time: until
    // a part of a block is in use, the engine may choose the block again. And Docker takes 8 ms for a network, but 48 ms
    // for each of 20 that are asked for at once (median, 20.10).
    create: (request) =>
      isPodman && !request.internal ? make(request, undefined) : lock("create", () => createIn(request)),
    remove,
  };
}

function podmanBody(
  { name, labels, internal, bridge, isolate }: NetworkRequest,
  subnet: Subnet | undefined,
): unknown {
  return {
    name,
    driver: "bridge",
    labels,
    internal,
    // Containers resolve names as this machine does.
    dns_enabled: false,
    network_interface: bridge,
    ...(isolate && { options: { isolate: "true" } }),
    ...(subnet && { subnets: [subnet] }),
  };
}

function dockerBody({ name, labels, internal, bridge }: NetworkRequest, subnet: Subnet | undefined): unknown {
  return {
    Name: name,
    CheckDuplicate: true,
    Driver: "bridge",
    Labels: labels,
    Internal: internal,
    EnableIPv6: false,
    Options: { [DOCKER_BRIDGE]: bridge },
    ...(subnet && { IPAM: { Config: [{ Subnet: subnet.subnet, Gateway: subnet.gateway }] } }),
  };
}
