/** Proxies in front of the server: what they say of the client that they speak for is believed from them only. */
import { BlockList, isIP } from "node:net";
import type { IncomingHttpHeaders } from "node:http";

export interface Proxies {
  trusts(address: string): boolean;
}

export const NO_PROXIES: Proxies = { trusts: () => false };

/** What a proxy says of its client; undefined where it says nothing that can be used. */
export interface Forwarded {
  /** The client's address. */
  readonly from: string | undefined;
  readonly scheme: "http" | "https" | undefined;
  /** The host, with its port, by which the client knows the server. */
  readonly host: string | undefined;
}

/** `ranges`: addresses, and networks such as "10.0.0.0/8". Undefined where one of them is neither. */
export function parseProxies(ranges: readonly string[]): Proxies | undefined {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", prefix, ...rest] = range.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    const longest = family === "ipv6" ? 128 : 32;
    const length = prefix === undefined ? longest : /^\d{1,3}$/u.test(prefix) ? Number(prefix) : Infinity;
    if (isIP(address) === 0 || rest.length > 0 || length > longest) return undefined;
    list.addSubnet(address, length, family);
  }
  return {
    trusts: (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4"),
  };
}

/** The two ways of saying the same: a client may have sent the one that its proxy does not know and passes on. */
export function isAmbiguous(headers: IncomingHttpHeaders): boolean {
  const names = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];
  return headers["forwarded"] !== undefined && names.some((name) => headers[name] !== undefined);
}

/**
 * Of a request that a trusted proxy sent. Each proxy adds to the end of the lists, so what a client has written into
 * them itself comes before what the first trusted proxy saw, and is not read.
 */
export function readForwarded(headers: IncomingHttpHeaders, proxies: Proxies): Forwarded {
  const { hops, scheme, host } =
    headers["forwarded"] === undefined ? fromLists(headers) : fromElements(headers["forwarded"]);
  return {
    from: clientOf(hops, proxies),
    scheme: scheme === "http" || scheme === "https" ? scheme : undefined,
    host: host !== undefined && isHost(host) ? host : undefined,
  };
}

interface Written {
  /** From the client to the last proxy but one. */
  readonly hops: readonly string[];
  readonly scheme: string | undefined;
  readonly host: string | undefined;
}

function fromLists(headers: IncomingHttpHeaders): Written {
  const list = (name: string) =>
    String(headers[name] ?? "")
      .split(",")
      .map((each) => each.trim());
  return {
    hops: list("x-forwarded-for"),
    scheme: list("x-forwarded-proto").at(-1),
    host: list("x-forwarded-host").at(-1),
  };
}

/** RFC 7239. A value in quotes may not have a comma or a semicolon here: no address, scheme or host has one. */
function fromElements(header: string): Written {
  const elements = header.split(",").map((element) => {
    const pairs = element.split(";").map((pair) => {
      const [name = "", value = ""] = pair.split("=");
      return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/u, "$1")] as const;
    });
    return new Map(pairs);
  });
  const last = elements.at(-1);
  return {
    hops: elements.map((element) => element.get("for") ?? ""),
    scheme: last?.get("proto"),
    host: last?.get("host"),
  };
}

/** From the last one back: the first that is no trusted proxy itself. */
function clientOf(hops: readonly string[], proxies: Proxies): string | undefined {
  let nearest: string | undefined;
  for (const hop of hops.toReversed()) {
    const address = addressOf(hop);
    if (address === undefined) break;
    nearest = address;
    if (!proxies.trusts(address)) break;
  }
  return nearest;
}

/** Without its port. Undefined for what names no address, such as "unknown". */
function addressOf(hop: string): string | undefined {
  const address = /^\[(.*)\](?::\d+)?$/u.exec(hop)?.[1] ?? /^([\d.]+):\d+$/u.exec(hop)?.[1] ?? hop;
  return isIP(address) === 0 ? undefined : address.replace(/^::ffff:(?=\d+\.)/iu, "");
}

function isHost(text: string): boolean {
  return /^[^\s/?#@\\]+$/u.test(text) && URL.canParse(`http://${text}`);
}
