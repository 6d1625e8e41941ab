/** Time-outs and number of connections. A response without traffic, such as a watch, has no limit. */
import type { IncomingMessage } from "node:http";
import { constants, type Http2ServerRequest, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";

export interface ConnectionLimits {
  /** At the same time. One more is answered 503. */
  readonly maxConnections: number;
  /**
   * Beyond so many at the same time, a connection of HTTP/1.1 is closed after an answer, which says so: a client that opens one
   * for each of its calls, as the stock SDK does, keeps none that it does not use.
   */
  readonly keptConnections: number;
  /** From a connection to the first bytes, which determine the version of HTTP. */
  readonly firstBytesMs: number;
  /** From the first byte of a request to the end of its headers; then 408. HTTP/1.1 only: see `endIdle`. */
  readonly headersMs: number;
  /** In each period of so long that a body goes on … */
  readonly bodyPeriodMs: number;
  /** … so much of it must arrive at least. */
  readonly minBodyBytes: number;
  /** Without a request. */
  readonly idleMs: number;
}

export const DEFAULT_LIMITS: ConnectionLimits = {
  maxConnections: 16_000,
  keptConnections: 1_000,
  firstBytesMs: 10_000,
  headersMs: 20_000,
  bodyPeriodMs: 120_000,
  // 1 KiB/s: slower than any link that a task's files could come by.
  minBodyBytes: 120 * 1024,
  idleMs: 60_000,
};

/** The others are for containers, logs, objects and the store. */
const FILES_FOR_CONNECTIONS = 0.75;
/** So that those that are used find a place among those that are kept. */
const KEPT_SHARE = 0.25;

/**
 * The limits of each listener.
 * @param openFiles how many this process may have; undefined where there is no limit
 */
export function limitsFor(listeners: number, openFiles: number | undefined): ConnectionLimits {
  const places = Math.floor(((openFiles ?? Infinity) * FILES_FOR_CONNECTIONS) / listeners);
  const maxConnections = Math.min(DEFAULT_LIMITS.maxConnections, places);
  const keptConnections = Math.min(DEFAULT_LIMITS.keptConnections, Math.floor(maxConnections * KEPT_SHARE));
  return { ...DEFAULT_LIMITS, maxConnections, keptConnections };
}

/** Streams of one HTTP/2 connection at a time: each takes memory. */
export const MAX_STREAMS = 1_000;

/**
 * Ends a request whose body arrives too slowly, or no longer. A message is bounded, and so is the time that it may
 * take; an object may be large, and takes as long as its bytes keep coming. What has arrived and is not read yet is
 * the server's own delay.
 */
export function limitBody(request: IncomingMessage | Http2ServerRequest, limits: ConnectionLimits): void {
  if ("stream" in request) {
    const { stream } = request;
    const isWhole = () => stream.state.state !== constants.NGHTTP2_STREAM_STATE_OPEN;
    limitRate(request, limits, countBytes(request), isWhole, () => stream.close(constants.NGHTTP2_CANCEL));
  } else if ("transfer-encoding" in request.headers || "content-length" in request.headers) {
    const { socket } = request;
    limitRate(
      request,
      limits,
      () => socket.bytesRead,
      () => request.complete || socket.destroyed,
      // Not by the time-out of the socket: that one is for the time between requests.
      () => socket.destroy(),
    );
  }
}

function limitRate(
  request: IncomingMessage | Http2ServerRequest,
  { bodyPeriodMs, minBodyBytes }: ConnectionLimits,
  arrived: () => number,
  isWhole: () => boolean,
  end: () => void,
): void {
  let before = arrived();
  const check = setInterval(() => {
    const now = arrived();
    if (isWhole()) clearInterval(check);
    else if (now - before < minBodyBytes && request.readableLength === 0) end();
    before = now;
  }, bodyPeriodMs);
  check.unref();
  request.once("close", () => clearInterval(check));
}

/** Of the body of one stream. To listen for its data before somebody else does would take it away from them. */
function countBytes({ stream }: Http2ServerRequest): () => number {
  let bytes = 0;
  const follow = (event: string | symbol) => {
    if (event !== "data") return;
    stream.off("newListener", follow);
    stream.on("data", (chunk: Buffer) => (bytes += chunk.length));
  };
  stream.on("newListener", follow);
  return () => bytes;
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
