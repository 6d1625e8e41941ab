/** What kind of network an IP address is in. */
import { BlockList, isIPv4 } from "node:net";

export type AddressClass =
  | "public"
  | "loopback"
  | "link-local"
  | "private"
  | "unspecified"
  | "multicast"
  /** For documentation, tests, tunnels and future use: no host of the Internet has such an address. */
  | "reserved";

type Network = readonly [prefix: string, bits: number, of: AddressClass];

/** IANA's special-purpose registry for IPv4 (RFC 6890); what no row names is public. */
const IPV4: readonly Network[] = [
  ["0.0.0.0", 8, "unspecified"],
  ["10.0.0.0", 8, "private"],
  // Between a provider and its customers (RFC 6598); clouds and VPNs use it inside.
  ["100.64.0.0", 10, "private"],
  ["127.0.0.0", 8, "loopback"],
  ["169.254.0.0", 16, "link-local"],
  ["172.16.0.0", 12, "private"],
  ["192.0.0.0", 24, "reserved"],
  ["192.0.2.0", 24, "reserved"],
  ["192.88.99.0", 24, "reserved"],
  ["192.168.0.0", 16, "private"],
  ["198.18.0.0", 15, "reserved"],
  ["198.51.100.0", 24, "reserved"],
  ["203.0.113.0", 24, "reserved"],
  ["224.0.0.0", 4, "multicast"],
  ["240.0.0.0", 4, "reserved"],
];

/** The same for IPv6; of what no row names, only 2000::/3 is public (RFC 4291). */
const IPV6: readonly Network[] = [
  ["::", 128, "unspecified"],
  ["::1", 128, "loopback"],
  ["64:ff9b:1::", 48, "private"],
  // Teredo: the address of its client is in it, scrambled.
  ["2001::", 23, "reserved"],
  ["2001:db8::", 32, "reserved"],
  ["3fff::", 20, "reserved"],
  ["2000::", 3, "public"],
  ["fc00::", 7, "private"],
  ["fe80::", 10, "link-local"],
  ["fec0::", 10, "private"],
  ["ff00::", 8, "multicast"],
];

/** Prefixes behind which an IPv6 address has an IPv4 address, and the group at which that begins. */
const EMBEDDED: readonly (readonly [groups: readonly number[], at: number])[] = [
  // Compatible (RFC 4291), mapped, translated (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056).
  [[0, 0, 0, 0, 0, 0], 6],
  [[0, 0, 0, 0, 0, 0xffff], 6],
  [[0, 0, 0, 0, 0xffff, 0], 6],
  [[0x64, 0xff9b, 0, 0, 0, 0], 6],
  [[0x2002], 1],
];

const lists = {
  ipv4: IPV4.map((network) => ({ of: network[2], list: listOf("ipv4", network) })),
  ipv6: IPV6.map((network) => ({ of: network[2], list: listOf("ipv6", network) })),
};

/** `address`: IPv4 or IPv6, without brackets. What is no address is "reserved". */
export function addressClass(address: string): AddressClass {
  if (isIPv4(address)) return find("ipv4", address) ?? "public";
  const groups = groupsOf(address.split("%")[0] ?? "");
  if (groups === undefined) return "reserved";
  const text = groups.map((group) => group.toString(16)).join(":");
  const exact = find("ipv6", text);
  if (exact === "unspecified" || exact === "loopback") return exact;
  const embedded = embeddedIPv4(groups);
  if (embedded !== undefined) return find("ipv4", embedded) ?? "public";
  return exact ?? "reserved";
}

function find(family: "ipv4" | "ipv6", address: string): AddressClass | undefined {
  return lists[family].find(({ list }) => list.check(address, family))?.of;
}

function listOf(family: "ipv4" | "ipv6", [prefix, bits]: Network): BlockList {
  const list = new BlockList();
  list.addSubnet(prefix, bits, family);
  return list;
}

function embeddedIPv4(groups: readonly number[]): string | undefined {
  const at = EMBEDDED.find(([prefix]) => prefix.every((group, index) => groups[index] === group))?.[1];
  if (at === undefined) return undefined;
  const [high = 0, low = 0] = groups.slice(at);
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
}

/** The eight numbers of an IPv6 address; the URL parser knows all its notations. */
function groupsOf(address: string): readonly number[] | undefined {
  const host = URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1);
  if (host === undefined) return undefined;
  const [before = "", after] = host.split("::");
  const numbers = (text: string) => (text === "" ? [] : text.split(":").map((group) => parseInt(group, 16)));
  const [first, last] = [numbers(before), numbers(after ?? "")];
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}
