/** The engine's bridges on this machine, by their addresses. Networks come and go while the server runs. */
import { BlockList, isIPv6 } from "node:net";
import type { NetworkDetails } from "../containers/types.ts";

export class Bridges {
  readonly #networks = new Map<
    string,
    { readonly gateways: readonly string[]; readonly subnets: BlockList }
  >();

  add({ name, gateways, subnets }: NetworkDetails): void {
    const list = new BlockList();
    for (const subnet of subnets) {
      const [address = "", length = ""] = subnet.split("/");
      list.addSubnet(address, Number(length), isIPv6(address) ? "ipv6" : "ipv4");
    }
    this.#networks.set(name, { gateways, subnets: list });
  }

  remove(name: string): void {
    this.#networks.delete(name);
  }

  /** Whether it is this machine's own address on a bridge. */
  isGateway(address: string): boolean {
    return this.#some(({ gateways }) => gateways.includes(address));
  }

  /** Whether it is in the subnet of a bridge, as the addresses of its containers are. */
  contains(address: string): boolean {
    return this.#some(({ subnets }) => subnets.check(address, isIPv6(address) ? "ipv6" : "ipv4"));
  }

  #some(
    test: (network: { readonly gateways: readonly string[]; readonly subnets: BlockList }) => boolean,
  ): boolean {
    return this.#networks.values().some(test);
  }
}
