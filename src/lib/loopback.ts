/** `address`: IPv4 not mapped to IPv6. */
export function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
