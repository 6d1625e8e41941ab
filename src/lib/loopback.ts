/** `address`: without the prefix that a socket of IPv6 gives to addresses of IPv4. */
export function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
