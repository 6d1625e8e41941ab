/** HTTP to a container engine, over its unix socket or TCP. */
import { Agent, request, type ClientRequest, type IncomingMessage } from "node:http";
import { pipeline, type Duplex } from "node:stream";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { errnoOf } from "../lib/errno.ts";
import { findFailure } from "../lib/failure-table.ts";
import { formatEngineAddress, type EngineAddress } from "./address.ts";
import { ENGINE_CONNECTION_FAILURES } from "./failures/connection.ts";

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON; bytes, and a stream of them that can be opened several times, as they are. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** The time limit for the response's headers; 0 = no limit. */
  readonly timeoutMs?: number;
}

export interface EngineResponse {
  readonly status: number;
  readonly text: string;
}

/** An engine answers everything but `stop` and `wait` quickly; one that hangs must not hang the server. */
export const CALL_TIMEOUT_MS = 120_000;
/** Answers are small; a listing of thousands of containers is a few megabytes. */
const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;

/** Podman's own API, in the oldest version of it that is used. */
export const LIBPOD = "/v4.0.0/libpod";

/** The engine answered with an error. */
export class EngineResponseError extends BoxkiteError {
  readonly status: number;
  /** The engine's own message. */
  readonly reason: string;

  /** `call`: its method and path. The message leaves out the version of the API. */
  constructor(call: string, status: number, reason: string) {
    const what = call.replace(/(?<=^[A-Z]+ )\/v[\d.]+(?=\/)/u, "");
    super("ENGINE_FAILED", `the container engine answered ${what} with ${status}: ${reason}`);
    this.status = status;
    this.reason = reason;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof BoxkiteError && "status" in value;
  }
}

export interface EngineHttp {
  readonly address: EngineAddress;
  /** Returns any status; throws ENGINE_UNREACHABLE only if there is no connection or it breaks. */
  call(method: string, path: string, options?: CallOptions): Promise<EngineResponse>;
  /**
   * The body of a 2xx response; other statuses throw EngineResponseError. Reading it fails with ENGINE_UNREACHABLE where
   * the connection breaks.
   */
  stream(method: string, path: string, options?: CallOptions): Promise<AsyncIterable<Buffer>>;
  /** A hijacked connection, as attach needs it. */
  upgrade(path: string, options?: CallOptions): Promise<Duplex>;
  close(): void;
}

export function createEngineHttp(address: EngineAddress, clock: Clock = systemClock): EngineHttp {
  // Connections are kept alive: opening one costs as much as many of the calls.
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity, keepAliveMsecs: 10_000 });
  const target =
    address.kind === "unix" ? { socketPath: address.socketPath } : { host: address.host, port: address.port };

  const open = (method: string, path: string, options: CallOptions, upgrade: boolean): ClientRequest => {
    const payload = encodeBody(options.body);
    const sent = request({
      ...target,
      method,
      path: pathWithQuery(path, options.query),
      ...(upgrade ? {} : { agent }),
      ...(options.signal && { signal: options.signal }),
      headers: {
        Host: "boxkite",
        ...(payload && { "Content-Type": payload.type }),
        ...(payload?.bytes && { "Content-Length": payload.bytes.length }),
        ...(upgrade && { Connection: "Upgrade", Upgrade: "tcp" }),
        ...options.headers,
      },
    });
    const limitMs = options.timeoutMs ?? CALL_TIMEOUT_MS;
    if (limitMs > 0) {
      const timer = clock.timer(limitMs, () => {
        sent.destroy(Object.assign(new Error(`no answer within ${limitMs / 1000} s`), { code: "ETIMEDOUT" }));
      });
      for (const event of ["close", "response", "upgrade"]) sent.once(event, () => timer.cancel());
    }
    // What goes wrong is an error of `sent`, which destroys the other one.
    if (payload?.open !== undefined) pipeline(payload.open(), sent, () => {});
    else sent.end(payload?.bytes);
    return sent;
  };

  const respond = async (method: string, path: string, options: CallOptions): Promise<IncomingMessage> => {
    for (let first = true; ; first = false) {
      const sent = open(method, path, options, false);
      try {
        return await responseOf(sent);
      } catch (error) {
        // The engine closed a kept-alive connection just when it was reused. Every call can be repeated:
        // create is idempotent by the container's name, the others are by nature.
        if (first && sent.reusedSocket && errnoOf(error) === "ECONNRESET") continue;
        throw unreachable(address, `${method} ${path}`, error, options.signal);
      }
    }
  };

  return {
    address,
    call: async (method, path, options = {}) => {
      const response = await respond(method, path, options);
      try {
        return { status: response.statusCode ?? 0, text: await readText(response) };
      } catch (error) {
        throw unreachable(address, `${method} ${path}`, error, options.signal);
      }
    },
    stream: async (method, path, options = {}) => {
      const response = await respond(method, path, options);
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300)
        return bodyOf(response, (error) => unreachable(address, `${method} ${path}`, error, options.signal));
      throw new EngineResponseError(`${method} ${path}`, status, reasonOf(await readText(response)));
    },
    upgrade: async (path, options = {}) => {
      const sent = open("POST", path, options, true);
      try {
        return await upgradeOf(sent, path);
      } catch (error) {
        throw error instanceof BoxkiteError
          ? error
          : unreachable(address, `POST ${path}`, error, options.signal);
      }
    },
    close: () => agent.destroy(),
  };
}

/** Podman and Docker both put the reason into `message`. */
export function reasonOf(text: string): string {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && "message" in parsed)
      return String(parsed.message).trim();
  } catch {
    // Not JSON: a proxy or an old engine; the text itself is the reason.
  }
  return text.trim().slice(0, 2000) || "no reason given";
}

function responseOf(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once("response", resolve);
    sent.once("error", reject);
  });
}

function upgradeOf(sent: ClientRequest, path: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    sent.once("error", reject);
    sent.once("upgrade", (_response, socket: Duplex, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    sent.once("response", (response) => {
      readText(response).then((text) => {
        reject(new EngineResponseError(`POST ${path}`, response.statusCode ?? 0, reasonOf(text)));
      }, reject);
    });
  });
}

async function* bodyOf(
  response: IncomingMessage,
  explain: (error: unknown) => unknown,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    throw explain(error);
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES) throw new Error(`the answer is larger than ${MAX_RESPONSE_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

interface Payload {
  readonly type: string;
  readonly bytes?: Buffer;
  readonly open?: () => AsyncIterable<unknown>;
}

function encodeBody(body: unknown): Payload | undefined {
  if (body === undefined) return undefined;
  if (Buffer.isBuffer(body)) return { bytes: body, type: "application/x-tar" };
  if (typeof body === "function")
    return { open: body as () => AsyncIterable<unknown>, type: "application/x-tar" };
  return { bytes: Buffer.from(JSON.stringify(body)), type: "application/json" };
}

function pathWithQuery(path: string, query: CallOptions["query"] = {}): string {
  const pairs = Object.entries(query).flatMap(([key, value]): [string, string][] =>
    value === undefined ? [] : [[key, String(value)]],
  );
  return pairs.length === 0 ? path : `${path}?${new URLSearchParams(pairs).toString()}`;
}

function unreachable(
  address: EngineAddress,
  call: string,
  error: unknown,
  signal: AbortSignal | undefined,
): unknown {
  if (signal?.aborted) return signal.reason;
  const where = formatEngineAddress(address);
  return new BoxkiteError(
    "ENGINE_UNREACHABLE",
    `no container engine answers at ${where} (${call}): ${messageOf(error)}`,
    {
      cause: error,
      hint: findFailure(
        ENGINE_CONNECTION_FAILURES,
        { errno: errnoOf(error), text: messageOf(error) },
        address,
      )?.hint?.(address),
    },
  );
}
