/**
 * Whose fault it is that a call could not be decoded. connect-es answers `internal` for a body that is no
 * message (seen with 2.1, protocol/serialization.js), as if the server had failed, and for one that is too large with
 * the names of its own settings (protocol/limit-io.js). Before a handler is called, only the request can be the cause
 * of an `internal`, and only its size of a `resource_exhausted`.
 */
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import {
  Code,
  ConnectError,
  createContextKey,
  type ContextValues,
  type Interceptor,
} from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { BoxkiteError } from "../domain/errors.ts";
import { INSTEAD_OF_INLINE, MAX_INLINE_BYTES, MAX_INLINE_TEXT } from "../wire/inline-size.ts";
import { toConnectError } from "./errors.ts";

const CALLED = createContextKey(false, { description: "a handler was called" });

/** One message in memory: inputs that are passed by value, and what else is in the call. */
export const MAX_MESSAGE_BYTES = MAX_INLINE_BYTES + 8 * 1024 * 1024;

/** The innermost interceptor: records that the request was decoded. */
export const noteCalled: Interceptor = (next) => async (request) => {
  if (!request.stream) {
    request.contextValues.set(CALLED, true);
    return next(request);
  }
  // A stream's messages are decoded when they are read.
  return next({ ...request, message: decoded(request.message, request.contextValues) });
};

async function* decoded<T>(messages: AsyncIterable<T>, values: ContextValues): AsyncIterable<T> {
  try {
    for await (const message of messages) {
      values.set(CALLED, true);
      yield message;
    }
  } catch (error) {
    throw error instanceof ConnectError ? (blaming(error) ?? error) : error;
  }
}

/** The error to answer instead; undefined where this one blames the right side. */
function blaming({ code, rawMessage }: Pick<ConnectError, "code" | "rawMessage">): ConnectError | undefined {
  if (code === Code.Internal) return new ConnectError(rawMessage, Code.InvalidArgument);
  if (code !== Code.ResourceExhausted) return undefined;
  return toConnectError(
    new BoxkiteError(
      "LIMIT_EXCEEDED",
      `the call is larger than ${MAX_MESSAGE_BYTES.toLocaleString("en-US")} bytes (72 MiB), and its inputs may have ${MAX_INLINE_TEXT} by value`,
      { hint: INSTEAD_OF_INLINE },
    ),
  );
}

/**
 * The response with the blame where it belongs: Connect has the code in its body, gRPC in a trailer, and gRPC-Web in a
 * last frame of its body that stands for the trailer.
 */
export async function blamed(
  response: UniversalServerResponse,
  values: ContextValues,
): Promise<UniversalServerResponse> {
  if (values.get(CALLED)) return response;
  if (response.trailer?.has("grpc-status")) return { ...response, trailer: ofGrpc(response.trailer) };
  if (response.body === undefined) return response;
  if (new Headers(response.header).get("content-type")?.startsWith("application/grpc-web"))
    return { ...response, body: once(ofFrame(await bytesOf(response.body))) };
  if (response.status === 200) return response;
  return ofConnect(response, await bytesOf(response.body));
}

function ofConnect(response: UniversalServerResponse, body: Buffer): UniversalServerResponse {
  const header = new Headers(response.header);
  const plain = decompressed(body, header.get("content-encoding"));
  const sent = JSON.parse(plain.toString()) as { readonly code: string; readonly message?: string };
  const error = blaming({ code: CODES[sent.code] ?? Code.Unknown, rawMessage: sent.message ?? "" });
  if (error === undefined) return { ...response, body: once(body) };
  const changed = Buffer.from(
    JSON.stringify({ ...sent, code: "invalid_argument", message: error.rawMessage }),
  );
  header.delete("content-encoding");
  for (const [name, value] of error.metadata) header.set(name, value);
  header.set("content-length", String(changed.length));
  return { ...response, status: 400, header, body: once(changed) };
}

/** An error of 1 KiB or more is compressed like any other answer. */
function decompressed(body: Buffer, encoding: string | null): Buffer {
  if (encoding === "gzip") return gunzipSync(body);
  return encoding === "br" ? brotliDecompressSync(body) : body;
}

/** As Connect's bodies have them. */
const CODES: Readonly<Record<string, Code>> = {
  internal: Code.Internal,
  resource_exhausted: Code.ResourceExhausted,
};

/** Its message is percent-encoded (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
function ofGrpc(trailer: Headers): Headers {
  const error = blaming({
    code: Number(trailer.get("grpc-status")),
    rawMessage: decodeURIComponent(trailer.get("grpc-message") ?? ""),
  });
  if (error === undefined) return trailer;
  const changed = new Headers(trailer);
  for (const [name, value] of error.metadata) changed.set(name, value);
  changed.set("grpc-status", String(error.code));
  changed.set("grpc-message", encodeURIComponent(error.rawMessage));
  return changed;
}

const FRAME_HEAD_BYTES = 5;

/**
 * No handler was called, so there is no message before the trailer's frame: flags, length, and lines as of HTTP/1.1
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md).
 */
function ofFrame(frame: Buffer): Buffer {
  const lines = frame.subarray(FRAME_HEAD_BYTES).toString("latin1").split("\r\n");
  const sent = lines
    .filter((line) => line !== "")
    .map((line) => line.split(/: ?(.*)/su, 2) as [string, string]);
  const changed = [...ofGrpc(new Headers(sent))].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = Buffer.from(frame.subarray(0, FRAME_HEAD_BYTES));
  head.writeUInt32BE(changed.length, 1);
  return Buffer.concat([head, Buffer.from(changed, "latin1")]);
}

async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
