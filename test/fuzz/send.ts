/** Sends requests byte by byte as they are, over HTTP/1.1 and HTTP/2, and reads what comes back. */
import {
  connect as connectHttp2,
  constants,
  type ClientHttp2Session,
  type OutgoingHttpHeaders,
} from "node:http2";
import { connect, type Socket } from "node:net";
import type { RawAnswer, RawRequest } from "./request.ts";
import type { World } from "./world.ts";

/** An answer that goes on after that is left. */
const STREAM_MS = 150;
const SILENT_MS = 20_000;
/** Of an answer, that is kept. */
const MAX_TEXT = 200_000;
const STREAMS_PER_SESSION = 100;
/** What the buffers of a connection take. */
const MAX_UNREAD = 64 * 1024;
const CANCEL = constants.NGHTTP2_CANCEL;

export interface Sender {
  /** Undefined where there is nothing to say of the answer: the client has left, or would not send such a request. */
  send(request: RawRequest): Promise<RawAnswer | undefined>;
  close(): void;
}

export function createSender(port: World["port"]): Sender {
  const sessions = new Map<string, { readonly session: ClientHttp2Session; left: number }>();
  const sessionFor = ({ server, from }: RawRequest): ClientHttp2Session => {
    const name = `${server} ${from}`;
    const known = sessions.get(name);
    if (known !== undefined && !known.session.destroyed && !known.session.closed && known.left-- > 0)
      return known.session;
    known?.session.close();
    const origin = `http://127.0.0.1:${port[server]}`;
    const session = connectHttp2(origin, { createConnection: () => connectFrom(port[server], from) });
    session.on("error", () => {});
    sessions.set(name, { session, left: STREAMS_PER_SESSION });
    return session;
  };
  return {
    send: (request) =>
      request.version === 1
        ? overHttp1(request, port[request.server])
        : overHttp2(request, sessionFor(request)),
    close: () => {
      for (const { session } of sessions.values()) session.destroy();
    },
  };
}

function connectFrom(port: number, from: string): Socket {
  return connect({ host: "127.0.0.1", port, localAddress: from });
}

function overHttp1(request: RawRequest, port: number): Promise<RawAnswer | undefined> {
  const { body, sends, isStream } = request;
  const socket = connectFrom(port, request.from);
  return collect(isStream, (answer) => {
    socket.on("error", (error) => {
      // A large body that is refused before all of it was read.
      if (body.length > MAX_UNREAD) answer.left();
      answer.ended(error.message);
    });
    socket.on("data", (chunk: Buffer) => answer.take(chunk));
    socket.on("close", () => answer.ended("the connection was closed"));
    socket.write(headOf(request, port));
    if (sends === "part") {
      socket.write(body.subarray(0, Math.floor(body.length / 2)), () => socket.resetAndDestroy());
      answer.left();
    } else if (sends === "leaves") {
      socket.write(body, () => setImmediate(() => socket.destroy()));
      answer.left();
    } else socket.write(body);
  }).finally(() => socket.destroy());
}

function headOf({ method, path, headers, body }: RawRequest, port: number): Buffer {
  const names = new Set(headers.map(([name]) => name));
  const lines = [`${method} ${path} HTTP/1.1`];
  if (!names.has("host")) lines.push(`host: 127.0.0.1:${port}`);
  if (!names.has("content-length") && !names.has("transfer-encoding") && body.length > 0)
    lines.push(`content-length: ${body.length}`);
  lines.push("connection: close", ...headers.map(([name, value]) => `${name}: ${value}`), "", "");
  return Buffer.from(lines.join("\r\n"));
}

function overHttp2(request: RawRequest, session: ClientHttp2Session): Promise<RawAnswer | undefined> {
  const { body, sends, isStream } = request;
  const headers: OutgoingHttpHeaders = { ":method": request.method, ":path": request.path };
  // The client itself refuses such a path.
  if (!request.path.startsWith("/")) return Promise.resolve(undefined);
  // Those of one connection do not exist in HTTP/2.
  for (const [name, value] of request.headers)
    if (!["host", "expect", "transfer-encoding", "content-length"].includes(name)) headers[name] = value;
  let stream: ReturnType<ClientHttp2Session["request"]>;
  try {
    stream = session.request(headers, { endStream: body.length === 0 });
  } catch {
    // The client itself refuses such headers.
    return Promise.resolve(undefined);
  }
  return collect(isStream, (answer) => {
    const texts = (fields: object) =>
      answer.take(
        Buffer.from(
          `${Object.entries(fields)
            .map(([name, value]) => `${name}: ${String(value)}`)
            .join("\r\n")}\r\n\r\n`,
        ),
      );
    stream.on("error", (error) => {
      // The connection has ended for another request; this one was not begun, and could be sent again.
      if (error.message.includes("NGHTTP2_REFUSED_STREAM")) answer.left();
      answer.ended(error.message);
    });
    stream.on("response", (fields) => {
      answer.status(Number(fields[":status"]));
      texts(fields);
    });
    stream.on("trailers", texts);
    stream.on("data", (chunk: Buffer) => answer.take(chunk));
    stream.on("close", () => answer.ended("the stream was closed"));
    if (body.length === 0) {
      // It has ended already.
    } else if (sends === "part") {
      stream.write(body.subarray(0, Math.floor(body.length / 2)), () => stream.close(CANCEL));
    } else stream.end(body, () => sends === "leaves" && stream.close(CANCEL));
    if (sends !== "all") answer.left();
  }).finally(() => stream.close(CANCEL));
}

interface Collector {
  take(chunk: Buffer): void;
  status(status: number): void;
  ended(why: string): void;
  /** The client does not wait for the answer. */
  left(): void;
}

/** Resolves with the answer when it has ended, or when it has gone on for long enough. */
function collect(isStream: boolean, begin: (answer: Collector) => void): Promise<RawAnswer | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let status: number | undefined;
    let hasLeft = false;
    const finish = (why: string) => {
      clearTimeout(timer);
      if (hasLeft) return resolve(undefined);
      const text = Buffer.concat(chunks).toString("latin1");
      status ??= Number(/^HTTP\/1\.1 (?!100)(\d{3})/mu.exec(text)?.[1] ?? Number.NaN);
      resolve({ status: Number.isNaN(status) ? undefined : status, text: text === "" ? why : text });
    };
    const timer = setTimeout(
      () => (isStream ? finish("nothing came yet") : finish(`no answer came in ${SILENT_MS} ms`)),
      isStream ? STREAM_MS : SILENT_MS,
    );
    begin({
      take: (chunk) => {
        if (bytes < MAX_TEXT) chunks.push(chunk);
        bytes += chunk.length;
      },
      status: (code) => (status = code),
      ended: finish,
      left: () => (hasLeft = true),
    });
  });
}
