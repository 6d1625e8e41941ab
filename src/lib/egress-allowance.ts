/** What the settings file lets the server connect to for every caller: networks, and hosts with or without a port. */
import { BlockList, isIP } from "node:net";

export interface EgressAllowance {
  /** Whatever its addresses are. */
  allowsHost(url: URL): boolean;
  allowsAddress(address: string): boolean;
}

export const NOTHING_ALLOWED: EgressAllowance = createEgressAllowance([]);

/** Entries: `10.1.0.0/16`, `10.1.2.3`, `fd00::/8`, `host`, `host:port`, `[::1]:8080`. Throws where one is none of these. */
export function createEgressAllowance(entries: readonly string[]): EgressAllowance {
  const networks = new BlockList();
  const hosts = new Set<string>();
  for (const entry of entries) {
    if (!addNetwork(networks, entry)) hosts.add(hostOf(entry));
  }
  return {
    allowsHost: (url) => hosts.has(url.hostname) || hosts.has(`${url.hostname}:${portOf(url)}`),
    // Without the zone of a link-local address.
    allowsAddress: (address) =>
      networks.check(address.split("%")[0] ?? "", isIP(address) === 6 ? "ipv6" : "ipv4"),
  };
}

export function portOf({ port, protocol }: URL): string {
  return port === "" ? (protocol === "http:" ? "80" : "443") : port;
}

function addNetwork(networks: BlockList, entry: string): boolean {
  const [address = "", bits, ...more] = entry.split("/");
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  const longest = family === 4 ? 32 : 128;
  const prefix = bits === undefined ? longest : Number(/^\d+$/u.test(bits) ? bits : Number.NaN);
  if (!(prefix <= longest)) return false;
  networks.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
  return true;
}

/** As URLs have it: in small letters, an address in its usual notation, with the port only where one is given. */
function hostOf(entry: string): string {
  const port = /:(\d+)$/u.exec(entry.replace(/^\[[^\]]*\]/u, ""))?.[1];
  const name = port === undefined ? entry : entry.slice(0, -port.length - 1);
  const url = /^(\[[0-9a-fA-F:.]+\]|[\p{L}\p{N}._-]+)$/u.test(name) ? URL.parse(`http://${name}/`) : null;
  if (url === null || Number(port) > 65_535)
    throw new Error(`${JSON.stringify(entry)} is no network, host or host with a port`);
  return port === undefined ? url.hostname : `${url.hostname}:${Number(port)}`;
}
