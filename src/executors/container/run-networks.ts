/**
 * Networks for the containers of runs. A network belongs to one run at a time, or to one worker that is of no run, or not yet,
 * so that containers of different runs cannot reach each other; one with no container left is given to the next run. A worker
 * that gets an attempt of a run brings its network along. A run whose containers do not fit into one network gets another.
 *
 * What belongs to whom follows from the engine: networks carry the instance's label, containers the name of their
 * network. So a restarted server goes on with what is there.
 */
import { randomBytes } from "node:crypto";
import type { EngineApi } from "../../containers/api.ts";
import { containersIn } from "../../containers/subnets.ts";
import { bridgeName, type ForwardGuard } from "../../containers/forward-guard.ts";
import { EngineResponseError } from "../../containers/http.ts";
import type { NetworkDetails } from "../../containers/types.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { RunKey } from "../../domain/ids.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { LABEL } from "./container-spec.ts";
import { keepGuard } from "./keep-guard.ts";
import { memberOfLabels, runOwner, type NetworkMember } from "./network-member.ts";

/** Where connections of containers arrive at this machine. */
export interface KnownBridges {
  add(network: NetworkDetails): void;
  remove(name: string): void;
}

export interface RunNetworksOptions {
  readonly api: EngineApi;
  readonly instance: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** Undefined where gateways are no addresses of this machine: the engine runs without root, or in a virtual machine. */
  readonly bridges: KnownBridges | undefined;
  /** The run of a worker that was made before there was one: its labels do not say. */
  readonly runOf?: (worker: string) => RunKey | undefined;
  /** Undefined: the engine itself has to keep networks apart. */
  readonly guard: ForwardGuard | undefined;
}

/** A container's network. `internal`: it reaches this machine and nothing else. */
export interface RunNetwork extends Pick<NetworkDetails, "name" | "gateways" | "bridge" | "internal"> {
  /** Whether its gateway is an address of this machine. */
  readonly isDirect: boolean;
}

interface Held extends RunNetwork {
  readonly capacity: number;
  /** Names of containers. */
  readonly members: Set<string>;
  /** See NetworkMember. Undefined: free for any. */
  owner: string | undefined;
}

/** Free networks that are kept, of each kind: to make and remove one costs an engine more than to keep it. */
export const MOST_FREE = 16;

export class RunNetworks {
  readonly #api: EngineApi;
  readonly #instance: string;
  readonly #log: Logger;
  readonly #bridges: KnownBridges | undefined;
  readonly #guard: ForwardGuard | undefined;
  readonly #stopGuard: (() => Promise<void>) | undefined;
  readonly #networks = new Map<string, Held>();
  /** By the container's name. */
  readonly #networkOf = new Map<string, Held>();
  /** By owner and kind: containers of a run that start together wait for one network. */
  readonly #making = new Map<string, Promise<void>>();
  readonly #removing = new Set<Promise<void>>();
  #closed = false;

  private constructor({ api, instance, log, clock, bridges, guard }: RunNetworksOptions) {
    this.#api = api;
    this.#instance = instance;
    this.#log = log;
    this.#bridges = bridges;
    this.#guard = guard;
    this.#stopGuard = guard && keepGuard({ guard, isNeeded: () => this.#networkOf.size > 0, clock, log });
  }

  /** Takes over the networks that an earlier server of this instance has left. */
  static async open(options: RunNetworksOptions): Promise<RunNetworks> {
    const networks = new RunNetworks(options);
    const { api, instance, runOf } = options;
    const label = `${LABEL.instance}=${instance}`;
    const [existing, containers] = await Promise.all([api.networks.list(), api.listContainers([label])]);
    for (const network of existing) if (network.labels[LABEL.instance] === instance) networks.#add(network);
    for (const { labels } of containers) {
      const member = memberOfLabels(instance, labels);
      const network = networks.#networks.get(labels[LABEL.network] ?? "");
      if (member === undefined || network === undefined) continue;
      const run = runOf?.(member.name);
      networks.#join(network, run === undefined ? member : { ...member, owner: runOwner(run) });
    }
    return networks;
  }

  /** Whether containers reach this machine at their network's gateway. */
  get isDirect(): boolean {
    return this.#bridges !== undefined;
  }

  /** The network for this container, the same until its release. Throws ENGINE_FAILED or ENGINE_UNREACHABLE. */
  async join(member: NetworkMember, internal: boolean): Promise<RunNetwork> {
    const { name, owner } = member;
    for (;;) {
      if (this.#networkOf.get(name)?.internal === !internal) this.leave(name);
      const network = this.#networkOf.get(name) ?? this.#find(owner, internal);
      if (network === undefined) {
        await this.#make(owner, internal);
        continue;
      }
      this.#join(network, member);
      // `docker network prune` removes those that no container uses.
      if ((await this.#api.networks.inspect(network.name)) !== undefined) return network;
      this.#forget(network);
    }
  }

  /**
   * The container, which has its network to itself, is of this run from now on, and so is the network. Resolves when nobody
   * else reaches it, as `guard` does. One without a network here is where the engine or its attempt puts it, with others.
   */
  async give(name: string, run: RunKey): Promise<void> {
    const network = this.#networkOf.get(name);
    if (network === undefined) return;
    network.owner = runOwner(run);
    await this.guard();
  }

  /** By the container's name. */
  of(name: string): RunNetwork | undefined {
    return this.#networkOf.get(name);
  }

  /** Others are kept out of the networks: to be called before a container is started. Throws ENGINE_FAILED. */
  async guard(): Promise<void> {
    await this.#guard?.ensure();
  }

  /** The container of this name is gone, or never was. */
  leave(name: string): void {
    const network = this.#networkOf.get(name);
    if (network === undefined) return;
    this.#networkOf.delete(name);
    network.members.delete(name);
    if (network.members.size > 0) return;
    network.owner = undefined;
    const free = this.#networks.values().filter((each) => isFree(each, network.internal));
    if (this.#closed || free.toArray().length > MOST_FREE) this.#remove(network);
  }

  /** Removes what no container uses: the next server makes networks when it needs them. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#stopGuard?.();
    await Promise.allSettled(this.#making.values());
    for (const network of this.#networks.values()) if (network.owner === undefined) this.#remove(network);
    await Promise.all(this.#removing);
    await this.#removeGuard();
  }

  /** The last server of this machine that has networks removes the rule for all. */
  async #removeGuard(): Promise<void> {
    if (this.#guard === undefined) return;
    const left = await this.#api.networks.list();
    if (!left.some(({ labels }) => labels[LABEL.instance] !== undefined)) await this.#guard.remove();
  }

  #find(owner: string, internal: boolean): Held | undefined {
    const networks = this.#networks.values().toArray();
    const own = networks.find(
      (each) => each.owner === owner && each.internal === internal && each.members.size < each.capacity,
    );
    return own ?? networks.find((each) => isFree(each, internal));
  }

  #make(owner: string, internal: boolean): Promise<void> {
    const id = `${owner}\n${internal}`;
    const making =
      this.#making.get(id) ??
      this.#create(internal)
        .then((network) => void this.#add(network))
        .finally(() => this.#making.delete(id));
    this.#making.set(id, making);
    return making;
  }

  async #create(internal: boolean): Promise<NetworkDetails> {
    const id = randomBytes(5).toString("hex");
    try {
      return await this.#api.networks.create({
        name: `boxkite-${this.#instance.slice(0, 30)}-${id}`,
        internal,
        labels: { [LABEL.instance]: this.#instance },
        bridge: bridgeName(id, internal),
        isolate: this.#guard === undefined,
      });
    } catch (error) {
      if (!(error instanceof EngineResponseError)) throw error;
      const { engine } = this.#api;
      throw new BoxkiteError("ENGINE_FAILED", `${engine} makes no network for the run: ${error.reason}`, {
        hint: `this must work: ${engine} network create boxkite-trial && ${engine} network rm boxkite-trial`,
        cause: error,
      });
    }
  }

  #add(network: NetworkDetails): Held {
    const subnet = network.subnets.find((each) => !each.includes(":")) ?? "";
    const held: Held = {
      ...network,
      isDirect: this.isDirect,
      capacity: containersIn(subnet),
      members: new Set(),
      owner: undefined,
    };
    this.#networks.set(network.name, held);
    this.#bridges?.add(network);
    return held;
  }

  #join(network: Held, { name, owner }: NetworkMember): void {
    network.members.add(name);
    network.owner = owner;
    this.#networkOf.set(name, network);
  }

  #forget(network: Held): void {
    this.#networks.delete(network.name);
    this.#bridges?.remove(network.name);
    for (const member of network.members) this.#networkOf.delete(member);
  }

  #remove(network: Held): void {
    this.#forget(network);
    const removing = this.#api.networks
      .remove(network.name)
      .then(
        (isGone) => {
          if (!isGone) this.#log.debug("a network is still in use", { network: network.name });
        },
        (error: unknown) =>
          this.#log.warn("a network could not be removed", { network: network.name, error }),
      )
      .finally(() => this.#removing.delete(removing));
    this.#removing.add(removing);
  }
}

function isFree(network: Held, internal: boolean): boolean {
  return network.owner === undefined && network.internal === internal;
}
