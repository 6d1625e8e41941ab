/**
 * One port for everything: Connect over HTTP/1.1, gRPC over HTTP/2, the object store, the pages, each with TLS and
 * without. The first bytes of a connection determine whether it has TLS, and else the version of HTTP.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from "node:http2";
import { createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import { BoxkiteError } from "../domain/errors.ts";
import { plainAddress, receive, type Arrivals } from "./arrival.ts";
import {
  DEFAULT_LIMITS,
  endIdle,
  limitBody,
  MAX_STREAMS,
  refuseConnection,
  type ConnectionLimits,
} from "./connection-limits.ts";
import { onFirstBytes } from "./first-bytes.ts";
import { holderOfPort } from "./port-holder.ts";
import type { Proxies } from "./proxies.ts";
import type { Certificates } from "./tls/certificates.ts";
import { createTlsLayer } from "./tls/layer.ts";
import type { Reach } from "../platform/reach.ts";

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;
export type Handler = (request: Request, response: Response) => void;

export interface ListenerOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** Connections that reached us at another local address, or from elsewhere, are dropped without a word. */
  readonly reach: Reach;
  readonly handler: Handler;
  /** Of the server's own TLS. @default the server speaks plain HTTP only */
  readonly certificates?: Certificates | undefined;
  /** Whose word on their clients is believed. @default nobody's */
  readonly proxies?: Proxies | undefined;
  /** Called before a request is refused because of how it came (arrival.ts). */
  readonly onRefused?: Arrivals["onRefused"];
  /** See connection-limits.ts. */
  readonly limits?: Partial<ConnectionLimits> | undefined;
}

export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

const KEEP_ALIVE_MS = 60_000;
/** Connections that wait to be accepted; the kernel has a limit of its own, 4,096 mostly. One more is tried again after 1 s. */
const BACKLOG = 4_096;

/** Throws PORT_IN_USE naming the holder. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { reach, certificates, proxies, onRefused } = options;
  const hasTls = certificates !== undefined;
  const received = receive({ reach, hasTls, proxies, onRefused }, options.handler);
  const sockets = new Set<Socket>();
  const handler = (request: Request, response: Response) => {
    limitBody(request, limits);
    if (!("stream" in response) && sockets.size > limits.keptConnections) response.shouldKeepAlive = false;
    received(request, response);
  };
  const http1 = createHttpServer(
    {
      headersTimeout: limits.headersMs,
      // A watch may be silent for hours (seen with flyte 2.12.1), and a large object takes its time.
      requestTimeout: 0,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: Math.min(limits.headersMs, 5_000),
    },
    handler as (request: IncomingMessage, response: ServerResponse) => void,
  );
  // It never listens itself, but checks its time-outs only after this event.
  http1.emit("listening");
  const http2 = createHttp2Server(
    { settings: { maxConcurrentStreams: MAX_STREAMS } },
    handler as (request: Http2ServerRequest, response: Http2ServerResponse) => void,
  );
  http2.on("session", (session) => endIdle(session, limits));
  const pass = (socket: Socket, isHttp2: boolean) => (isHttp2 ? http2 : http1).emit("connection", socket);
  const tls = certificates && createTlsLayer(certificates, limits, pass);

  // A peer that vanished without a word is detected by the kernel's keep-alive only.
  const tcp = createTcpServer({ keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }, (socket) => {
    const { localAddress, remoteAddress } = socket;
    if (!reach.accepts(plainAddress(localAddress), plainAddress(remoteAddress))) {
      socket.destroy();
      return;
    }
    if (sockets.size >= limits.maxConnections) {
      refuseConnection(socket);
      return;
    }
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    onFirstBytes(socket, limits.firstBytesMs, (protocol) => {
      if (protocol === "tls" && tls !== undefined) tls(socket);
      else pass(socket, protocol === "http2");
    });
  });

  await new Promise<void>((resolve, reject) => {
    tcp.once("error", (error: NodeJS.ErrnoException) => {
      listenError(error, options).then(reject, reject);
    });
    tcp.listen({ port: options.port, host: reach.listenAt, backlog: BACKLOG }, resolve);
  });

  return {
    port: (tcp.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise<void>((resolve) => tcp.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      // Stops the check of time-outs.
      http1.close();
      await closed;
    },
  };
}

async function listenError(error: NodeJS.ErrnoException, { reach, port }: ListenerOptions): Promise<Error> {
  if (error.code === "EADDRINUSE") {
    const holder = await holderOfPort(port);
    return new BoxkiteError("PORT_IN_USE", `port ${port} is in use${holder ? ` by ${holder}` : ""}`, {
      hint: "end that program, or choose another port with --port",
      cause: error,
    });
  }
  if (error.code === "EACCES" || error.code === "EADDRNOTAVAIL") {
    return new BoxkiteError(
      "CONFIG_INVALID",
      `cannot listen on ${reach.listenAt}:${port}: ${error.message}`,
      {
        cause: error,
      },
    );
  }
  return error;
}
