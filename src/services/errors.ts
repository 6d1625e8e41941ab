/** BoxkiteError to Connect's codes, and nowhere else. */
import {
  Code,
  ConnectError,
  type Interceptor,
  type StreamRequest,
  type UnaryRequest,
} from "@connectrpc/connect";
import { BoxkiteError, textOf, type ErrorCode, isStorageError } from "../domain/errors.ts";
import type { Logger } from "../lib/log.ts";
import { CODE_HEADER, HINT_HEADER } from "../wire/error-headers.ts";
import { notBuilt } from "./not-built.ts";

const CODES = {
  INVALID_ARGUMENT: Code.InvalidArgument,
  FIELD_NOT_SUPPORTED: Code.InvalidArgument,
  PROJECT_NOT_FOUND: Code.NotFound,
  PROJECT_EXISTS: Code.AlreadyExists,
  RUN_NOT_FOUND: Code.NotFound,
  RUN_EXISTS: Code.AlreadyExists,
  ALREADY_ENDED: Code.FailedPrecondition,
  ACTION_NOT_FOUND: Code.NotFound,
  ACTION_NOT_RUNNING: Code.FailedPrecondition,
  // Not FailedPrecondition, at which the SDK tries a call again for 20 minutes (seen with flyte 2.12.1).
  CALL_NOT_RECORDED: Code.NotFound,
  TASK_NOT_FOUND: Code.NotFound,
  TASK_EXISTS: Code.AlreadyExists,
  OBJECT_NOT_FOUND: Code.NotFound,
  LEASE_LOST: Code.Unavailable,
  DISK_FULL: Code.ResourceExhausted,
  OBJECT_DAMAGED: Code.DataLoss,
  LOGS_NOT_FOUND: Code.NotFound,
  // Not NotFound, at which clients wait for a log to appear (seen with flyte 2.12.1).
  NO_LOGS: Code.FailedPrecondition,
  UNAUTHENTICATED: Code.Unauthenticated,
  PERMISSION_DENIED: Code.PermissionDenied,
  // Not ResourceExhausted: the SDK would try a refused child again for ever (seen with flyte 2.12.1).
  LIMIT_EXCEEDED: Code.InvalidArgument,
  QUOTA_EXCEEDED: Code.ResourceExhausted,
  IMAGE_REFERENCE_INVALID: Code.InvalidArgument,
  IMAGE_NOT_FOUND: Code.NotFound,
  IMAGE_UNAUTHORIZED: Code.PermissionDenied,
  // Not FailedPrecondition, for the same reason.
  IMAGE_WRONG_PLATFORM: Code.InvalidArgument,
  IMAGE_CANNOT_RUN: Code.InvalidArgument,
  IMAGE_BUILD_FAILED: Code.FailedPrecondition,
  IMAGE_BUILDER_TOO_OLD: Code.FailedPrecondition,
  SERVER_UNREACHABLE: Code.Unavailable,
  REGISTRY_UNREACHABLE: Code.Unavailable,
  // Not ResourceExhausted, as for LIMIT_EXCEEDED.
  REGISTRY_RATE_LIMITED: Code.Unavailable,
  EGRESS_DENIED: Code.PermissionDenied,
  ENGINE_UNREACHABLE: Code.Unavailable,
  ENGINE_FAILED: Code.Internal,
  RUNTIME_FETCH_FAILED: Code.Unavailable,
  CONFIG_INVALID: Code.FailedPrecondition,
  PORT_IN_USE: Code.FailedPrecondition,
  DATA_DIRECTORY_UNUSABLE: Code.FailedPrecondition,
} as const satisfies Record<ErrorCode, Code>;

export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof BoxkiteError) {
    const headers = { [CODE_HEADER]: error.code, ...hintHeader(error.hint) };
    // gRPC has no encoding for a lone half of a surrogate pair, as a cut text or a value of JSON may have.
    return new ConnectError(textOf(error).toWellFormed(), CODES[error.code], headers, undefined, error);
  }
  return internalError(error);
}

/** Of what is not an error of Boxkite: the caller learns nothing of it. */
export function internalError(cause: unknown): ConnectError {
  const message = "internal error; the server's log has the cause";
  return new ConnectError(message, Code.Internal, undefined, undefined, cause);
}

/** Clients refuse a response whose headers are too long: 16 KiB is common. The message has the hint in any case. */
const MAX_HINT_BYTES = 4_096;

function hintHeader(hint: string | undefined): Record<string, string> {
  if (hint === undefined) return {};
  const encoded = encodeURIComponent(hint.toWellFormed());
  return encoded.length > MAX_HINT_BYTES ? {} : { [HINT_HEADER]: encoded };
}

/** Of an answer in plain HTTP; 400 for the other codes of users' errors. Not from CODES, which has regard to clients. */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  PROJECT_NOT_FOUND: 404,
  RUN_NOT_FOUND: 404,
  ACTION_NOT_FOUND: 404,
  LOGS_NOT_FOUND: 404,
  NO_LOGS: 404,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  LIMIT_EXCEEDED: 413,
  QUOTA_EXCEEDED: 429,
  DATA_DIRECTORY_UNUSABLE: 503,
  DISK_FULL: 507,
};

export interface Refusal {
  readonly status: number;
  /** For people. */
  readonly text: string;
}

/** Why a request in plain HTTP was refused; undefined where the server failed and the caller cannot know more. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof BoxkiteError)) return undefined;
  if (error.kind !== "user" && !isStorageError(error)) return undefined;
  return { status: STATUSES[error.code] ?? 400, text: textOf(error) };
}

type Asked = Pick<UnaryRequest | StreamRequest, "service" | "method">;

/** Encodes what handlers throw; an unexpected error is logged with its cause and not shown to the client. */
export function errorInterceptor(log: Logger): Interceptor {
  const encode = ({ service, method: { name } }: Asked, error: unknown, isLeft = false): ConnectError => {
    const method = `${service.typeName}/${name}`;
    const encoded = isUnimplemented(error) ? notBuilt(service.typeName, name) : toConnectError(error);
    // A stream that nobody reads any more fails where it is written: that is no failure of the server.
    if ((encoded.code === Code.Internal && !isLeft) || isStorageError(error))
      log.error("a request failed", { method, error: encoded.cause ?? error });
    else log.debug("a request was refused", { method, code: Code[encoded.code], error: encoded });
    return encoded;
  };
  return (next) => async (request) => {
    try {
      const response = await next(request);
      if (!response.stream) return response;
      return {
        ...response,
        message: guarded(response.message, (error) => encode(request, error, request.signal.aborted)),
      };
    } catch (error) {
      throw encode(request, error);
    }
  };
}

/** Of a method without a handler: Connect's own answer has the method's name only. */
function isUnimplemented(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unimplemented;
}

async function* guarded<T>(
  messages: AsyncIterable<T>,
  encode: (error: unknown) => ConnectError,
): AsyncIterable<T> {
  try {
    // Not `yield*`: it fails where the iterator of the messages has no `throw`, which a broken connection calls.
    for await (const message of messages) yield message;
  } catch (error) {
    throw encode(error);
  }
}
