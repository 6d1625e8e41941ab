/**
 * Requests to one registry, through the proxy of the environment, trusting the certificate authority of the
 * settings, to the hosts that the egress rule allows. The built-in fetch supports none of these for a single host.
 */
import { readFile } from "node:fs/promises";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { getCACertificates } from "node:tls";
import type { EgressRule } from "../../lib/egress.ts";
import { errnoOf } from "../../lib/errno.ts";
import { isLoopbackHost } from "./registries.ts";

export type Transport = (request: Request, signal: AbortSignal) => Promise<Response>;

export interface TransportOptions {
  readonly caFile?: string | undefined;
  /** The environment with HTTPS_PROXY, HTTP_PROXY and NO_PROXY. */
  readonly env: NodeJS.ProcessEnv;
  /** Applied to each request, redirected ones too. @default every host is allowed */
  readonly egress?: EgressRule | undefined;
}

const PROXY_VARIABLES = ["http_proxy", "https_proxy"];
const MAX_REDIRECTS = 5;
/** Statuses whose response has no body, by the Fetch standard. */
const WITHOUT_BODY = [204, 205, 304];

export function createTransport({ caFile, env, egress }: TransportOptions): Transport {
  const isProxied = PROXY_VARIABLES.some((name) => env[name] ?? env[name.toUpperCase()]);
  let agents: Promise<Agents> | undefined;
  return async (request, signal) => {
    const made = await (agents ??= createAgents(caFile, env).catch((error: unknown) => {
      agents = undefined; // The file may exist the next time.
      throw error;
    }));
    const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer());
    let target: Target = {
      method: request.method,
      url: new URL(request.url),
      headers: Object.fromEntries(request.headers),
      body,
    };
    for (let redirects = 0; ; redirects++) {
      if (isProxied) await egress?.checkName(target.url);
      else egress?.check(target.url);
      const response = await exchange(target, made, signal, egress);
      const next = redirectOf(target, response);
      if (next === undefined || redirects === MAX_REDIRECTS) return responseOf(response);
      response.resume();
      target = next;
    }
  };
}

interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  /** For this machine itself, without a proxy. */
  readonly direct: { readonly http: HttpAgent; readonly https: HttpsAgent };
}

async function createAgents(caFile: string | undefined, env: NodeJS.ProcessEnv): Promise<Agents> {
  const own = caFile === undefined ? undefined : await readFile(caFile, "utf8");
  const kept = { keepAlive: true };
  const tls = { ...kept, ...(own !== undefined && { ca: [...getCACertificates("default"), own] }) };
  return {
    http: new HttpAgent({ ...kept, proxyEnv: env }),
    https: new HttpsAgent({ ...tls, proxyEnv: env }),
    direct: { http: new HttpAgent(kept), https: new HttpsAgent(tls) },
  };
}

interface Target {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

async function exchange(
  target: Target,
  agents: Agents,
  signal: AbortSignal,
  egress: EgressRule | undefined,
): Promise<IncomingMessage> {
  for (let first = true; ; first = false) {
    const sent = open(target, agents, signal, egress);
    try {
      return await new Promise<IncomingMessage>((resolve, reject) => {
        sent.once("response", resolve).once("error", reject);
        sent.end(target.body);
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      // The registry closed a kept-alive connection just when it was reused.
      if (!(first && sent.reusedSocket && errnoOf(error) === "ECONNRESET")) throw error;
    }
  }
}

function open(
  { method, url, headers }: Target,
  agents: Agents,
  signal: AbortSignal,
  egress: EgressRule | undefined,
) {
  const { http, https } = isLoopbackHost(url.host) ? agents.direct : agents;
  // Node does not use `lookup` for a connection to a proxy.
  const options = { method, headers, signal, ...(egress && { lookup: egress.lookup(url) }) };
  return url.protocol === "http:"
    ? httpRequest(url, { ...options, agent: http })
    : httpsRequest(url, { ...options, agent: https });
}

/** Blobs are often at a storage service on another host, which must not receive the registry's credentials. */
function redirectOf(from: Target, { statusCode = 0, headers }: IncomingMessage): Target | undefined {
  const { location } = headers;
  if (![301, 302, 303, 307, 308].includes(statusCode) || location === undefined) return undefined;
  if (from.method !== "GET" || !URL.canParse(location, from.url.href)) return undefined;
  const url = new URL(location, from.url);
  const { authorization, ...others } = from.headers;
  const kept = url.origin === from.url.origin && authorization !== undefined;
  return { ...from, url, headers: kept ? from.headers : others };
}

function responseOf(response: IncomingMessage): Response {
  const { statusCode: status = 0, headersDistinct } = response;
  const headers = Object.entries(headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  );
  if (WITHOUT_BODY.includes(status)) {
    response.resume();
    return new Response(null, { status, headers });
  }
  return new Response(Readable.toWeb(response) as ReadableStream<Uint8Array>, { status, headers });
}
