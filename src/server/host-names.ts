/** The host names that requests may have to a server that only its own machine can reach. */
import { isIP } from "node:net";
import { hostname } from "node:os";
import type { Request } from "./listener.ts";

/** Names besides the machine's own; "any" where other machines may connect, who know the server by whatever name. */
export type HostNames = readonly string[] | "any";

const NAMES = ["localhost", "host.containers.internal", "host.docker.internal", hostname().toLowerCase()];

/**
 * A web page can let its own name lead to this machine ("DNS rebinding"): its scripts then ask the server as if
 * it were the page's own. No page has an address or one of these for its name.
 */
export function isKnownName({ headers }: Pick<Request, "headers">, others: HostNames): boolean {
  if (others === "any") return true;
  const authority = headers[":authority"] ?? headers.host;
  // A browser always sends it.
  if (authority === undefined) return true;
  const url = `http://${String(authority)}`;
  if (!URL.canParse(url)) return false;
  const name = new URL(url).hostname.replace(/^\[|\]$/gu, "");
  const isOwn = isIP(name) !== 0 || NAMES.includes(name) || name.endsWith(".localhost");
  return isOwn || others.includes(name);
}
