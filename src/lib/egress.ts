/**
 * Which hosts the server connects to for a caller. Whoever works at this machine may have it connect anywhere; for a
 * task or a remote user it connects to public addresses, and to what the settings file allows. Otherwise callers
 * could reach services through the server that they cannot reach themselves.
 *
 * The rule is applied to the addresses that a connection uses: its own `lookup` resolves the name, so a name cannot
 * have one address when it is checked and another one when it is connected to.
 */
import { lookup as systemLookup, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { networkInterfaces } from "node:os";
import { BoxkiteError } from "../domain/errors.ts";
import { addressClass } from "./address-class.ts";
import { NOTHING_ALLOWED, portOf, type EgressAllowance } from "./egress-allowance.ts";

export interface EgressRule {
  /** To be called before each request: throws EGRESS_DENIED where the host is a denied address, in any notation. */
  check(url: URL): void;
  /** Resolves the name of this URL for a connection; EGRESS_DENIED where all of its addresses are denied. */
  lookup(url: URL): LookupFunction;
  /**
   * As `check`, for a request that another program will send, a proxy or a container engine: of a name, too, where it
   * is known here. That program may resolve it to other addresses.
   */
  checkName(url: URL): Promise<void>;
}

export interface EgressOptions {
  /** What the settings file allows. */
  readonly allowance?: EgressAllowance;
  /** Resolves a name to all of its addresses. @default the system's resolver */
  readonly resolve?: Resolve;
  /** Of this machine, beside loopback. @default those of its interfaces, as of now */
  readonly ownAddresses?: () => readonly string[];
}

export type Resolve = (
  hostname: string,
  options: { readonly all: true; readonly family?: number; readonly hints?: number },
  callback: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

/** The rule for callers that are not trusted. */
export function createEgressRule(options: EgressOptions = {}): EgressRule {
  const { allowance = NOTHING_ALLOWED, resolve = systemResolve, ownAddresses = interfaceAddresses } = options;

  /** Why an address is denied, in words; undefined where it is not. */
  const refusal = (address: string): string | undefined => {
    if (allowance.allowsAddress(address)) return undefined;
    const kind = addressClass(address);
    if (kind !== "public") return ADDRESSES[kind];
    return ownAddresses().includes(address) ? "an address of the server's own machine" : undefined;
  };

  const resolveAllowed = (
    url: URL,
    hostname: string,
    family: Pick<Parameters<Resolve>[1], "family" | "hints">,
    callback: (error: Error | null, addresses: LookupAddress[]) => void,
  ): void =>
    resolve(hostname, { ...family, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      if (allowance.allowsHost(url)) return callback(null, addresses);
      const allowed = addresses.filter(({ address }) => refusal(address) === undefined);
      const [first] = addresses;
      const why = allowed.length === 0 && first !== undefined ? refusal(first.address) : undefined;
      if (why === undefined) callback(null, allowed);
      else callback(denied(url, why), []);
    });

  const check = (url: URL): void => {
    const literal = literalOf(url);
    if (literal === undefined || allowance.allowsHost(url)) return;
    const why = refusal(literal);
    if (why !== undefined) throw denied(url, why);
  };

  return {
    check,
    lookup:
      (url) =>
      (hostname, { all, family, hints }, callback) => {
        const wanted = {
          ...(typeof family === "number" && { family }),
          ...(hints !== undefined && { hints }),
        };
        resolveAllowed(url, hostname, wanted, (error, addresses) => {
          const [first] = addresses;
          if (error || first === undefined) callback(error ?? new Error(`${hostname} has no address`), "", 0);
          else if (all === true) callback(null, addresses);
          else callback(null, first.address, first.family);
        });
      },
    checkName: async (url) => {
      check(url);
      if (literalOf(url) !== undefined) return;
      await new Promise<void>((done, reject) => {
        resolveAllowed(url, url.hostname, {}, (error) => {
          // A name that only the proxy knows: what it may reach is for the proxy to say.
          if (error instanceof BoxkiteError) reject(error);
          else done();
        });
      });
    },
  };
}

const ADDRESSES: Readonly<Record<Exclude<ReturnType<typeof addressClass>, "public">, string>> = {
  loopback: "a loopback address of the server's machine",
  "link-local": "a link-local address",
  private: "a private address",
  unspecified: "an unspecified address",
  multicast: "a multicast address",
  reserved: "a reserved address",
};

/** Without the address itself: callers must not learn from it what names of the inside resolve to. */
function denied(url: URL, why: string): BoxkiteError {
  const host = url.port === "" ? url.hostname : `${url.hostname}:${portOf(url)}`;
  return new BoxkiteError(
    "EGRESS_DENIED",
    `the server does not connect to ${host} for a task or a remote user: it has ${why}`,
    { hint: `the server's operator can allow it in the settings file: egress: {allow: ["${host}"]}` },
  );
}

/** Of a URL whose host is an address, or is one by definition (RFC 6761). The URL parser has brought notations such as 0x7f.1 into the usual one. */
function literalOf({ hostname }: URL): string | undefined {
  if (/(^|\.)localhost\.?$/u.test(hostname)) return "127.0.0.1";
  const address = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  return isIP(address) === 0 ? undefined : address;
}

function systemResolve(...[hostname, options, callback]: Parameters<Resolve>): void {
  systemLookup(hostname, options, (error, addresses) => callback(error, addresses));
}

function interfaceAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((own = []) => own.map(({ address }) => address));
}
