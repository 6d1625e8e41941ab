/**
 * The HTTP client below Connect's. A call's request is sent whole, with its length: most take one packet, which Connect's own
 * client for Node splits into several. Connections are kept, for all clients of this process, and are no more than a server
 * wants of one.
 */
import { Agent, request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { Agent as SecureAgent, request as httpsRequest } from "node:https";
import { Code, ConnectError } from "@connectrpc/connect";
import { contentTypeUnaryProto } from "@connectrpc/connect/protocol-connect";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { errnoOf } from "../lib/errno.ts";
import type { Trust } from "./control-plane.ts";
import { MOST_CONNECTIONS } from "./most-connections.ts";

/** A worker opens a client for each attempt: the next one goes on with the connections of the one before. */
const plain = agentsOf(Agent);
/** These tell servers apart by how they are verified, too. */
const secured = agentsOf(SecureAgent);

/** Whether a server was reached is in the cause; a call that was cut off may have had its effect. */
const CODES: Readonly<Record<string, Code>> = {
  EAI_AGAIN: Code.Unavailable,
  ECONNREFUSED: Code.Unavailable,
  ECONNRESET: Code.Unavailable,
  ENOTFOUND: Code.Unavailable,
  EPIPE: Code.Unavailable,
  ETIMEDOUT: Code.Unavailable,
};

/** `trust`: how a server with TLS is verified. */
export function createHttpClient(secure: boolean, trust: Trust): UniversalClientFn {
  const { calls, streams } = secure ? secured : plain;
  const send = secure ? httpsRequest : httpRequest;
  return async ({ url, method, header, body, signal }) => {
    const content = await contentOf(body);
    signal?.throwIfAborted();
    const headers = { ...Object.fromEntries(header), "content-length": content.length };
    const agent = header.get("content-type") === contentTypeUnaryProto ? calls : streams;
    const request = send(url, { method, headers, agent, ...trust });
    const call = new Call(request, signal);
    request.end(content);
    const answer = await call.answer;
    return {
      status: answer.statusCode ?? 0,
      header: headersOf(answer),
      body: call.bodyOf(answer),
      trailer: new Headers(),
    };
  };
}

/** Calls wait for connections, and streams, which may last, have others. */
function agentsOf(Kind: typeof Agent): { readonly calls: Agent; readonly streams: Agent } {
  const calls = new Kind({ keepAlive: true, maxSockets: MOST_CONNECTIONS });
  return { calls, streams: new Kind({ keepAlive: true }) };
}

/** A request that its caller may abort, until all of the answer was read. */
class Call {
  readonly #answer = Promise.withResolvers<IncomingMessage>();
  readonly #request: ClientRequest;
  readonly #signal: AbortSignal | undefined;

  constructor(request: ClientRequest, signal: AbortSignal | undefined) {
    this.#request = request;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#abort);
    request.on("response", this.#answer.resolve);
    request.on("error", (error) => {
      this.#over();
      this.#answer.reject(connectError(error));
    });
  }

  get answer(): Promise<IncomingMessage> {
    return this.#answer.promise;
  }

  async *bodyOf(answer: IncomingMessage): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of answer) yield chunk as Uint8Array;
    } catch (error) {
      throw connectError(error);
    } finally {
      this.#over();
    }
  }

  /**
   * The request is destroyed without a reason, which would be an error of a connection that another call may have by now. One that
   * waits for a connection reports nothing before it would have got one.
   */
  readonly #abort = (): void => {
    this.#request.destroy();
    this.#answer.reject(this.#signal?.reason);
  };

  #over(): void {
    this.#signal?.removeEventListener("abort", this.#abort);
  }
}

/** Neither a call nor the beginning of a stream has more than one message, which is in memory anyway. */
async function contentOf(body: AsyncIterable<Uint8Array> | undefined): Promise<Uint8Array> {
  const parts = body === undefined ? [] : await Array.fromAsync(body);
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    headers.append(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "");
  return headers;
}

function connectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  const wrapped = ConnectError.from(error, CODES[errnoOf(error) ?? ""] ?? Code.Internal);
  wrapped.cause = error;
  return wrapped;
}
