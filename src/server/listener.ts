/**
 * One port for everything: Connect over HTTP/1.1, gRPC over HTTP/2 without TLS, the object store, the
 * console. Which HTTP it is, the first bytes of a connection tell.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from "node:http2";
import { createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import { BoxkiteError } from "../domain/errors.ts";
import { ORIGIN_HEADER } from "../services/origin.ts";
import { holderOfPort } from "./port-holder.ts";
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
}

export interface Listener {
  readonly port: number;
  close(): Promise<void>;
}

/** The start of an HTTP/2 connection without TLS (RFC 9113, section 3.4): nothing in HTTP/1.1 begins so. */
const HTTP2_PREFACE = Buffer.from("PRI");

/** Throws PORT_IN_USE naming the holder. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const handler = (request: Request, response: Response) => {
    const host = request.headers[":authority"] ?? request.headers.host ?? "";
    request.headers[ORIGIN_HEADER] = `http://${String(host)}`;
    options.handler(request, response);
  };
  const http1 = createHttpServer(handler as (request: IncomingMessage, response: ServerResponse) => void);
  // A watch may be silent for hours (seen with flyte 2.12.1).
  http1.requestTimeout = 0;
  http1.timeout = 0;
  http1.keepAliveTimeout = 60_000;
  const http2 = createHttp2Server(
    handler as (request: Http2ServerRequest, response: Http2ServerResponse) => void,
  );

  const sockets = new Set<Socket>();
  const tcp = createTcpServer((socket) => {
    const { localAddress, remoteAddress } = socket;
    if (!options.reach.accepts(plainAddress(localAddress), plainAddress(remoteAddress))) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.once("readable", () => {
      const first = socket.read() as Buffer | null;
      if (first === null) {
        socket.destroy();
        return;
      }
      socket.unshift(first);
      const server = first.subarray(0, 3).equals(HTTP2_PREFACE) ? http2 : http1;
      server.emit("connection", socket);
    });
  });

  await new Promise<void>((resolve, reject) => {
    tcp.once("error", (error: NodeJS.ErrnoException) => {
      listenError(error, options).then(reject, reject);
    });
    tcp.listen(options.port, options.reach.listenAt, resolve);
  });

  return {
    port: (tcp.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise<void>((resolve) => tcp.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
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

/** IPv4 addresses of an IPv6 socket are written `::ffff:127.0.0.1`. */
export function plainAddress(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:/u, "");
}
