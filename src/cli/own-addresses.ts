/** The addresses of this machine's network interfaces. */
import { networkInterfaces } from "node:os";

export function ownAddresses(interfaces = networkInterfaces): string[] {
  return Object.values(interfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
}

/** Why nobody will connect at that address, or undefined. */
export function unusableHost(host: string | undefined, interfaces = networkInterfaces): string | undefined {
  if (host === undefined || isEveryAddress(host) || ownAddresses(interfaces).includes(host)) return undefined;
  return `no network interface of this machine has the address ${host}`;
}

export function isEveryAddress(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
