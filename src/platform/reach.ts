/** Where to listen, and which connections to accept. */

export interface Reach {
  /** The address to listen at. */
  readonly listenAt: string;
  /** Whether to accept a connection to the local `address` from the remote one. IPv4 is not given as mapped IPv6. */
  accepts(address: string, from: string): boolean;
}

/** Also accepts connections to `host`, an IP address, if it is given. */
export function widened(needed: Reach, host: string | undefined): Reach {
  if (host === undefined) return needed;
  const any = host === "0.0.0.0" || host === "::";
  return {
    // Listening only at that address would exclude loopback and the containers' network.
    listenAt: host.includes(":") ? "::" : "0.0.0.0",
    accepts: (address, from) => any || address === host || needed.accepts(address, from),
  };
}
