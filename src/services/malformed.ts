/**
 * Whose fault it is that a call could not be decoded. connect-es answers `internal` for a body that is no
 * message (seen with 2.1, protocol/serialization.js), as if the server had failed. Before a
 * handler is called, only the request can be the cause of an `internal`.
 */
import {
  Code,
  ConnectError,
  createContextKey,
  type ContextValues,
  type Interceptor,
} from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";

const CALLED = createContextKey(false, { description: "a handler was called" });

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
    if (!(error instanceof ConnectError) || error.code !== Code.Internal) throw error;
    throw new ConnectError(error.rawMessage, Code.InvalidArgument, undefined, undefined, error);
  }
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
  if (response.trailer?.get("grpc-status") === String(Code.Internal)) {
    response.trailer.set("grpc-status", String(Code.InvalidArgument));
    return response;
  }
  if (response.body === undefined) return response;
  if (new Headers(response.header).get("content-type")?.startsWith("application/grpc-web"))
    return { ...response, body: once(blamingFrame(await bytesOf(response.body))) };
  if (response.status !== 500) return response;
  const body = await bytesOf(response.body);
  const error = JSON.parse(body.toString()) as Record<string, unknown>;
  const blaming = Buffer.from(JSON.stringify({ ...error, code: "invalid_argument" }));
  const header = new Headers(response.header);
  header.set("content-length", String(blaming.length));
  return { ...response, status: 400, header, body: once(blaming) };
}

const FRAME_HEAD_BYTES = 5;

/**
 * No handler was called, so there is no message before the trailer's frame: flags, length, and lines as of HTTP/1.1
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md).
 */
function blamingFrame(frame: Buffer): Buffer {
  const lines = frame.subarray(FRAME_HEAD_BYTES).toString("latin1");
  const blaming = lines.replace(
    new RegExp(`^grpc-status: *${Code.Internal}\\r$`, "mu"),
    `grpc-status: ${Code.InvalidArgument}\r`,
  );
  const head = Buffer.from(frame.subarray(0, FRAME_HEAD_BYTES));
  head.writeUInt32BE(blaming.length, 1);
  return Buffer.concat([head, Buffer.from(blaming, "latin1")]);
}

async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
