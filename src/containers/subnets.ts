/** Subnets of IPv4, as engines write them: `address/prefix length`. */

export interface Subnet {
  readonly subnet: string;
  /** The first host's address. */
  readonly gateway: string;
}

/** The subnets of this prefix length within a block, in order; the block itself where it is not larger. */
export function* splitSubnet(block: string, length: number): Generator<Subnet> {
  const { address, length: blockLength } = parseSubnet(block);
  const partLength = Math.max(length, blockLength);
  const size = 2 ** (32 - partLength);
  for (let start = address; start < address + 2 ** (32 - blockLength); start += size)
    yield { subnet: `${formatAddress(start)}/${partLength}`, gateway: formatAddress(start + 1) };
}

/** How many containers have an address of their own in it: the network's, the gateway's and the broadcast address are taken. */
export function containersIn(subnet: string): number {
  return Math.max(2 ** (32 - parseSubnet(subnet).length) - 3, 1);
}

function parseSubnet(subnet: string): { readonly address: number; readonly length: number } {
  const [address = "", length = "32"] = subnet.split("/");
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  return { address: number, length: Number(length) };
}

function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}
