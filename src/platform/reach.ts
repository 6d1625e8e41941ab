/** Where to listen, and which connections to accept. */
import { isLoopback } from "../lib/loopback.ts";

/**
 * From where a connection came: from this machine itself, from a container over one of the engine's bridges, or from
 * the outer network. Connections of rootless containers, and of those in a virtual machine, are made by a program of
 * this machine and are "loopback".
 */
export type ConnectionClass = "loopback" | "bridge" | "outer";

export interface Reach {
  /** The address to listen at. */
  readonly listenAt: string;
  /** Whether to accept a connection to the local `address` from the remote one. IPv4 is not given as mapped IPv6. */
  accepts(address: string, from: string): boolean;
  /** The class of a connection to the local `address` from the remote one. IPv4 is not given as mapped IPv6. */
  classOf(address: string, from: string): ConnectionClass;
}

/** Only this machine itself has the same address at both ends: the kernel drops its own addresses from elsewhere. */
export function classWithoutBridges(address: string, from: string): "loopback" | "outer" {
  return isLoopback(address) || address === from ? "loopback" : "outer";
}

/** Also accepts connections to `host`, an IP address, if it is given. */
export function widened(needed: Reach, host: string | undefined): Reach {
  if (host === undefined) return needed;
  const any = host === "0.0.0.0" || host === "::";
  return {
    // Listening only at that address would exclude loopback and the containers' network.
    listenAt: host.includes(":") ? "::" : "0.0.0.0",
    accepts: (address, from) => any || address === host || needed.accepts(address, from),
    classOf: (address, from) => needed.classOf(address, from),
  };
}
