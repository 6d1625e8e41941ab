/** How a request arrived: by which origin, from whom, and whether it may come like that at all. */
import type { IncomingHttpHeaders } from "node:http";
import { CLIENT_HEADER, ORIGIN_HEADER } from "../services/origin.ts";
import type { Reach } from "../platform/reach.ts";
import type { Handler, Request, Response } from "./listener.ts";
import { isAmbiguous, NO_PROXIES, readForwarded, type Proxies } from "./proxies.ts";

export interface Arrivals {
  readonly reach: Reach;
  /** Whether the server speaks TLS itself. */
  readonly hasTls: boolean;
  /** @default none */
  readonly proxies?: Proxies | undefined;
  /** Called before a request of another machine is refused. `from`: the address that it came from. */
  readonly onRefused?: ((request: Request, response: Response, from: string) => void) | undefined;
}

/**
 * Notes origin and client in headers of the server's own, and refuses what comes from another machine without TLS and
 * not from a trusted proxy. A server that has neither was opened so on purpose.
 */
export function receive({ reach, hasTls, proxies, onRefused }: Arrivals, handler: Handler): Handler {
  return (request, response) => {
    const { headers } = request;
    const socket = socketOf(request);
    const from = plainAddress(socket.remoteAddress);
    const isTrusted = proxies?.trusts(from) === true;
    const isSecure = socket.encrypted === true;
    if (isTrusted && isAmbiguous(headers)) return refuse(response, 400, "invalid_argument", AMBIGUOUS);
    if (!isSecure && !isTrusted && (hasTls || proxies !== undefined)) {
      if (reach.classOf(plainAddress(socket.localAddress), from) === "outer") {
        onRefused?.(request, response, from);
        return refusePlain(request, response, hasTls);
      }
    }
    const forwarded = isTrusted ? readForwarded(headers, proxies ?? NO_PROXIES) : undefined;
    // Also for the check of an object's signature, which has the name that the client used.
    if (forwarded?.host !== undefined) setHost(headers, forwarded.host);
    const scheme = forwarded?.scheme ?? (isSecure ? "https" : "http");
    headers[ORIGIN_HEADER] = `${scheme}://${hostOf(headers)}`;
    headers[CLIENT_HEADER] = forwarded?.from ?? from;
    handler(request, response);
  };
}

/** IPv4 addresses of an IPv6 socket are written `::ffff:127.0.0.1`. */
export function plainAddress(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:/u, "");
}

const AMBIGUOUS =
  "the request has both Forwarded and X-Forwarded-* headers; the proxy must set one kind and remove the other";
const NO_TLS =
  "this server speaks plain HTTP with its own machine only; use https, in a configuration of flyte admin.insecure: false";
const NO_PROXY =
  "this server takes requests of other machines from its proxy only, and not from this address; use the proxy's";

/** A browser is sent to the same page by https. Of a program it is not certain that it sends nothing secret again. */
function refusePlain(request: Request, response: Response, hasTls: boolean): void {
  const { method, headers, url = "/" } = request;
  const isPage = method === "GET" && headers.accept?.includes("text/html") === true;
  const target = `https://${hostOf(headers)}${url}`;
  if (!hasTls || !isPage || !URL.canParse(target))
    return refuse(response, 403, "permission_denied", hasTls ? NO_TLS : NO_PROXY);
  response.statusCode = 308;
  response.setHeader("location", target);
  response.end();
}

/** As Connect writes an error, so that its clients show the message. */
export function refuse(response: Response, status: number, code: string, message: string): void {
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ code, message }));
}

function hostOf(headers: IncomingHttpHeaders): string {
  return String(headers[":authority"] ?? headers.host ?? "");
}

function setHost(headers: IncomingHttpHeaders, host: string): void {
  headers.host = host;
  if (":authority" in headers) headers[":authority"] = host;
}

interface Peer {
  readonly localAddress?: string | undefined;
  readonly remoteAddress?: string | undefined;
  readonly encrypted?: boolean | undefined;
}

/** Of HTTP/2 the socket of the session: that of the request is a stand-in, which throws once the session has ended. */
function socketOf(request: Request): Peer {
  return "stream" in request ? (request.stream.session?.socket ?? {}) : request.socket;
}
