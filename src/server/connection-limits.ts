/** Time-outs and number of connections. A response without traffic, such as a watch, has no limit. */
import type { IncomingMessage } from "node:http";
import { constants, type Http2ServerRequest, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";

export interface ConnectionLimits {
  /** At the same time. One more is answered 503. */
  readonly maxConnections: number;
  /** From a connection to the first bytes, which determine the version of HTTP. */
  readonly firstBytesMs: number;
  /** From the first byte of a request to the end of its headers; then 408. HTTP/1.1 only: see `endIdle`. */
  readonly headersMs: number;
  /** Without a byte of a body that has begun. */
  readonly bodyIdleMs: number;
  /** Without a request. */
  readonly idleMs: number;
}

export const DEFAULT_LIMITS: ConnectionLimits = {
  maxConnections: 4_000,
  firstBytesMs: 10_000,
  headersMs: 20_000,
  bodyIdleMs: 120_000,
  idleMs: 60_000,
};

/** Streams of one HTTP/2 connection at a time: each takes memory. */
export const MAX_STREAMS = 1_000;

/** Ends a request whose body stops arriving; what has arrived and is not read yet is the server's own delay. */
export function limitBody(
  request: IncomingMessage | Http2ServerRequest,
  { bodyIdleMs }: ConnectionLimits,
): void {
  if ("stream" in request) limitStream(request, bodyIdleMs);
  else if ("transfer-encoding" in request.headers || "content-length" in request.headers)
    limitMessage(request, bodyIdleMs);
}

function limitStream(request: Http2ServerRequest, idleMs: number): void {
  const { stream } = request;
  stream.setTimeout(idleMs, () => {
    const isWhole = stream.state.state !== constants.NGHTTP2_STREAM_STATE_OPEN;
    if (!isWhole && request.readableLength === 0) stream.close(constants.NGHTTP2_CANCEL);
  });
}

/** Not by the time-out of the socket: that one is for the time between requests. */
function limitMessage(request: IncomingMessage, idleMs: number): void {
  const { socket } = request;
  let bytes = socket.bytesRead;
  const check = setInterval(() => {
    if (request.complete || socket.destroyed) clearInterval(check);
    else if (socket.bytesRead === bytes && request.readableLength === 0) socket.destroy();
    bytes = socket.bytesRead;
  }, idleMs);
  check.unref();
  request.once("close", () => clearInterval(check));
}

/** Ends a session without streams after a while, also one whose first request's headers never end. */
export function endIdle(session: ServerHttp2Session, { idleMs }: ConnectionLimits): void {
  let streams = 0;
  session.on("stream", (stream) => {
    streams++;
    stream.once("close", () => streams--);
  });
  session.setTimeout(idleMs, () => {
    if (streams === 0) session.close();
  });
}

const TOO_MANY = JSON.stringify({ code: "unavailable", message: "the server has too many connections" });
/** How long a client has to read the refusal. */
const REFUSAL_MS = 1_000;

/** Sent before a byte was read, therefore in HTTP/1.1; clients of HTTP/2 see an unavailable server, too. */
export function refuseConnection(socket: Socket): void {
  socket.setTimeout(REFUSAL_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.resume();
  socket.end(
    [
      "HTTP/1.1 503 Service Unavailable",
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(TOO_MANY)}`,
      "connection: close",
      "",
      TOO_MANY,
    ].join("\r\n"),
  );
}
