/** Calls of the protocol: Connect, gRPC and gRPC-Web over the one listener. */
import { once } from "node:events";
import type { Writable } from "node:stream";
import {
  Code,
  ConnectError,
  createConnectRouter,
  createContextValues,
  type ConnectRouter,
} from "@connectrpc/connect";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import type { Principal } from "../domain/principal.ts";
import type { Logger } from "../lib/log.ts";
import { errorInterceptor } from "../services/errors.ts";
import { DIRECT_STREAM, type DirectStream } from "../services/direct-stream.ts";
import { blamed, MAX_MESSAGE_BYTES, noteCalled } from "../services/malformed.ts";
import { PRINCIPAL } from "../services/principal.ts";
import { isGone } from "../lib/client-gone.ts";
import type { Handler, Request, Response } from "./listener.ts";
import type { RoutedHandler } from "./router.ts";

export interface RpcOptions {
  readonly register: (router: ConnectRouter) => void;
  /** Answers a method that no service has. */
  readonly unknown: Handler;
  readonly log: Logger;
}

export function createRpc({ register, unknown, log }: RpcOptions): RoutedHandler {
  const router = createConnectRouter({
    interceptors: [errorInterceptor(log), noteCalled],
    readMaxBytes: MAX_MESSAGE_BYTES,
    acceptCompression: [compressionGzip, compressionBrotli],
  });
  register(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response, by) => {
    const handler = handlers.get((request.url ?? "").split("?", 1)[0] ?? "");
    if (handler === undefined) return unknown(request, response);
    serve(handler, request, response, by).catch((error: unknown) => {
      // The client went away.
      if (ConnectError.from(error).code === Code.Aborted) return;
      log.error("a call could not be answered", { method: handler.requestPath, error });
    });
  };
}

async function serve(
  handler: UniversalHandler,
  request: Request,
  response: Response,
  by: Principal,
): Promise<void> {
  const values = createContextValues();
  values.set(PRINCIPAL, by);
  values.set(DIRECT_STREAM, directStream(request, response));
  const answered = await handler(universalRequestFromNodeRequest(request, response, undefined, values));
  await universalResponseToNodeResponse(await blamed(answered, values), response);
}

/** Of the kinds of a stream's content, those whose messages are protobuf. */
const PROTOBUF = /^application\/(?:connect\+proto|grpc(?:-web)?(?:\+proto)?)$/u;

function directStream(request: Request, response: Response): DirectStream | undefined {
  if (!PROTOBUF.test(request.headers["content-type"] ?? "")) return undefined;
  const writable: Writable = response;
  return {
    get waitingBytes() {
      return writable.writableLength;
    },
    write: (frames) => {
      if (!isGone(response)) writable.write(frames);
    },
    drained: async (signal) => {
      if (writable.writableNeedDrain) await once(writable, "drain", { signal }).catch(() => {});
    },
  };
}
