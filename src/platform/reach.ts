/** Where to listen, and which connections to let in. */

export interface Reach {
  /** The address to listen at. */
  readonly listenAt: string;
  /** May a connection come in that reached us at this local address, from that one? IPv4 as it is, not inside IPv6. */
  accepts(address: string, from: string): boolean;
}

/** What attempts and this machine itself need, and those who come to `host`, where it is given: an IP address. */
export function widened(needed: Reach, host: string | undefined): Reach {
  if (host === undefined) return needed;
  const any = host === "0.0.0.0" || host === "::";
  return {
    // Listening at the one address only would leave out loopback and the containers' network.
    listenAt: host.includes(":") ? "::" : "0.0.0.0",
    accepts: (address, from) => any || address === host || needed.accepts(address, from),
  };
}
