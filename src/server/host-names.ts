/** The host names that requests to a server may have that is open to its own machine only. */
import { isIP } from "node:net";
import { hostname } from "node:os";
import type { Request } from "./listener.ts";

const NAMES = ["localhost", "host.containers.internal", "host.docker.internal", hostname().toLowerCase()];

/**
 * A web page can let its own name lead to this machine ("DNS rebinding"): its scripts then ask the server as if
 * it were the page's own. No page has an address or one of these for its name.
 */
export function isOwnName({ headers }: Pick<Request, "headers">): boolean {
  const authority = headers[":authority"] ?? headers.host;
  // A browser always sends it.
  if (authority === undefined) return true;
  const url = `http://${String(authority)}`;
  if (!URL.canParse(url)) return false;
  const name = new URL(url).hostname.replace(/^\[|\]$/gu, "");
  return isIP(name) !== 0 || NAMES.includes(name) || name.endsWith(".localhost");
}
