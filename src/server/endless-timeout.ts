/**
 * Timeouts of calls that are longer than a timer of Node, which fires at once then: the call is made without one. A
 * client that writes the longest time that gRPC has, 99999999 hours, means no timeout.
 */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** In milliseconds: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
const UNITS: ReadonlyMap<string, number> = new Map([
  ["H", 3_600_000],
  ["M", 60_000],
  ["S", 1_000],
]);

export function dropEndlessTimeout(headers: Headers): void {
  if (Number(headers.get("connect-timeout-ms")) > MAX_TIMER_MS) headers.delete("connect-timeout-ms");
  const grpc = headers.get("grpc-timeout") ?? "";
  if (Number(grpc.slice(0, -1)) * (UNITS.get(grpc.slice(-1)) ?? 0) > MAX_TIMER_MS)
    headers.delete("grpc-timeout");
}
