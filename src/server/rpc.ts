/** Calls of the protocol: Connect, gRPC and gRPC-Web over the one listener. */
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import {
  Code,
  ConnectError,
  createConnectRouter,
  createContextValues,
  type ConnectRouter,
  type Interceptor,
} from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import type { Principal } from "../domain/principal.ts";
import type { Logger } from "../lib/log.ts";
import { errorInterceptor } from "../services/errors.ts";
import { DIRECT_STREAM, type DirectStream } from "../services/direct-stream.ts";
import { blamed, MAX_MESSAGE_BYTES, noteCalled } from "../services/malformed.ts";
import { PRINCIPAL } from "../services/principal.ts";
import { isGone } from "../lib/client-gone.ts";
import { once as loadOnce } from "../lib/once.ts";
import { COMPRESSIONS } from "./compression.ts";
import { dropEndlessTimeout } from "./endless-timeout.ts";
import type { Handler, Request, Response } from "./listener.ts";
import type { RoutedHandler } from "./router.ts";
import { answerCall, unansweredBecause } from "./unanswered-call.ts";
import { sendUniversal, universalRequest } from "./universal.ts";

export interface RpcOptions {
  readonly register: (router: ConnectRouter) => void;
  /** Of services without an implementation: loaded when a method is called that is not among the registered. */
  readonly loadOthers: () => Promise<(router: ConnectRouter) => void>;
  /** Answers a method that no service has. */
  readonly unknown: Handler;
  /** Sees each call with its errors as services throw them. */
  readonly audit: Interceptor;
  readonly log: Logger;
}

export function createRpc({ register, loadOthers, unknown, audit, log }: RpcOptions): RoutedHandler {
  const handlersOf = (registerAll: RpcOptions["register"]) => {
    const router = createConnectRouter({
      interceptors: [errorInterceptor(log), audit, noteCalled],
      readMaxBytes: MAX_MESSAGE_BYTES,
      acceptCompression: COMPRESSIONS,
    });
    registerAll(router);
    return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  };
  const handlers = handlersOf(register);
  const others = loadOnce(async () => {
    try {
      return handlersOf(await loadOthers());
    } catch (error) {
      // Such as an update of the package beneath this server: what has no implementation needs none to be refused.
      log.warn("the services without an implementation could not be loaded", {
        error,
        hint: "their calls are refused as those of unknown services; start the server again if it was updated",
      });
      return new Map<string, UniversalHandler>();
    }
  });
  const answer = async (path: string, request: Request, response: Response, by: Principal) => {
    const handler = handlers.get(path) ?? (await others()).get(path);
    if (handler === undefined) unknown(request, response);
    else await serve(handler, request, response, by);
  };
  return (request, response, by) => {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    answer(path, request, response, by).catch((error: unknown) => {
      // The client went away.
      if (ConnectError.from(error).code === Code.Aborted) return;
      const refusal = unansweredBecause(error);
      if (refusal.code === Code.Internal) log.error("a call could not be answered", { method: path, error });
      answerCall(request, response, refusal);
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
  const body = bodyOf(request);
  const call = universalRequest(request, response, body, values);
  dropEndlessTimeout(call.header);
  const answered = await handler(call);
  await body.dropRest();
  await sendUniversal(await blamed(answered, values), response);
}

/**
 * A body that may be refused in the middle. Over HTTP/2 the answer closes the stream, and the frames that still come for
 * it end the whole connection (ENHANCE_YOUR_CALM): the rest is read first, unless the client is gone.
 */
function bodyOf(request: Request): AsyncIterable<Uint8Array> & { dropRest(): Promise<void> } {
  const readable: Readable = request;
  let isLeft = false;
  return {
    async *[Symbol.asyncIterator]() {
      try {
        yield* readable.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
      } catch (error) {
        throw new ConnectError("the client went away", Code.Canceled, undefined, undefined, error);
      } finally {
        isLeft = true;
      }
    },
    dropRest: async () => {
      if (!isLeft || readable.readableEnded || request.httpVersionMajor < 2) return;
      readable.resume();
      await finished(readable, { writable: false }).catch(() => {});
    },
  };
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
