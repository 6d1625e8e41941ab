/** The audit of calls of the protocol: what is recorded of each says services/rpc-rights.ts. */
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { PRINCIPAL } from "../../services/principal.ts";
import { auditedAs, RPC_RIGHTS } from "../../services/rpc-rights.ts";
import type { AuditedCalls } from "./audited-calls.ts";
import { failureOf, type Failure } from "./call-record.ts";

/** The answer of a call that is recorded leaves once its line is written; of a stream, its first message. */
export function auditInterceptor(audited: AuditedCalls): Interceptor {
  return (next) => async (request) => {
    const by = request.contextValues.get(PRINCIPAL);
    if (by === undefined) return next(request);
    const name = `${request.service.typeName.split(".").at(-1) ?? ""}/${request.method.name}`;
    const call = audited.begin(by, name, auditedAs(RPC_RIGHTS[name]));
    const end = (error?: unknown): void => {
      if (error !== undefined) call.fail(failureOfCall(error));
      audited.end(call);
    };
    if (call.isRecorded) audited.requireWritable();
    let response;
    try {
      response = await next(request);
    } catch (error) {
      end(error);
      throw error;
    }
    const endDenied = (error: unknown): void => {
      if (failureOfCall(error).isDenial) end(error);
    };
    if (response.stream) return { ...response, message: endedByFirst(response.message, end, endDenied) };
    end();
    return response;
  };
}

/** Errors of connect-es itself have its codes; written as ours are. */
function failureOfCall(error: unknown): Failure {
  if (!(error instanceof ConnectError)) return failureOf(error);
  const code = (Code[error.code] ?? "").replaceAll(/(?<=[a-z])(?=[A-Z])/gu, "_").toUpperCase();
  return { code, message: error.rawMessage, isDenial: false };
}

/** `failLater`: called where the stream fails after its first message. */
function endedByFirst<T>(
  messages: AsyncIterable<T>,
  end: (error?: unknown) => void,
  failLater: (error: unknown) => void,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = messages[Symbol.asyncIterator]();
      let hasEnded = false;
      const endOnce = (error?: unknown): void => {
        if (hasEnded) return;
        hasEnded = true;
        end(error);
      };
      const first = async (): Promise<IteratorResult<T>> => {
        try {
          const result = await iterator.next();
          endOnce();
          return result;
        } catch (error) {
          endOnce(error);
          throw error;
        }
      };
      const later = async (): Promise<IteratorResult<T>> => {
        try {
          return await iterator.next();
        } catch (error) {
          failLater(error);
          throw error;
        }
      };
      return {
        next: () => (hasEnded ? later() : first()),
        // The client has left before there was anything for it.
        return: async () => {
          endOnce();
          return (await iterator.return?.()) ?? { done: true, value: undefined };
        },
      };
    },
  };
}
