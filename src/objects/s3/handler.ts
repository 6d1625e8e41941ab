/**
 * The part of S3's REST API that object clients use, over one bucket: path-style (`/<bucket>/<key>`), and
 * virtual-hosted at `<bucket>.localhost`.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isGone, onceClosed } from "../../lib/client-gone.ts";
import { isStorageError, messageOf, type StorageCode } from "../../domain/errors.ts";
import type { Principal } from "../../domain/principal.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { HostedStore } from "../hosted-store.ts";
import { refuseUnknownHeaders } from "./attributes.ts";
import { authenticate } from "./authenticate.ts";
import { checkBucket } from "./buckets.ts";
import { s3ErrorOf } from "./error-answer.ts";
import { operationOf } from "./operations.ts";
import { DEFAULT_REGION } from "../../lib/sigv4-signer.ts";
import type { FindPrincipal, S3Principal } from "./principal.ts";
import { sendError } from "./respond.ts";
import { S3Error } from "./s3-error.ts";
import { parseRequest, withQueryHeaders, type S3Request } from "./s3-request.ts";

export interface S3HandlerOptions {
  readonly store: HostedStore;
  readonly bucket: string;
  /** Signatures for other regions are refused; without it any region will do. */
  readonly region?: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly principals: FindPrincipal;
  /** Called for each object that a client has written completely, before the client is answered. Must not throw. */
  readonly onWritten?: (key: string, bytes: number) => void;
  /** Called for each object that could not be stored for a client. Must not throw. */
  readonly onUnstorable?: (key: string, why: StorageCode) => void;
  /** Called with what a request asks for: first its method, and once it is authenticated its operation. Must not throw. */
  readonly onAsked?: (by: Principal, name: string, key: string) => void;
  /** Called before a caller is answered with an error. Must not throw. */
  readonly onRefused?: (by: Principal, error: S3Error) => void;
}

/** `by`: the caller as the connection shows it; the signature is checked here. */
export type S3Handler = (request: IncomingMessage, response: ServerResponse, by: Principal) => void;

export function createS3Handler(options: S3HandlerOptions): S3Handler {
  return (request, response, by) => void serve(options, request, response, by);
}

/** Never rejects. */
async function serve(
  options: S3HandlerOptions,
  incoming: IncomingMessage,
  response: ServerResponse,
  by: Principal,
): Promise<void> {
  const requestId = randomBytes(8).toString("hex").toUpperCase();
  const log = options.log.child({ request: requestId });
  response.setHeader("x-amz-request-id", requestId);
  try {
    await answer(options, log, incoming, response, by);
  } catch (error) {
    const s3Error = s3ErrorOf(error);
    options.onRefused?.(by, s3Error);
    fail(error, s3Error, log, requestId, incoming, response);
  }
}

async function answer(
  options: S3HandlerOptions,
  log: Logger,
  incoming: IncomingMessage,
  response: ServerResponse,
  by: Principal,
): Promise<void> {
  const { bucket, region = DEFAULT_REGION, store, clock } = options;
  const received = parseRequest(incoming, bucket);
  options.onAsked?.(by, received.method, received.key);
  refuseForm(received);
  const authenticated = await authenticate(received, options, by);
  await endWithKey(authenticated.principal, response);
  const request = withQueryHeaders(received);
  checkBucket(request, bucket);
  const operation = operationOf(request);
  options.onAsked?.(by, operation.name, request.key);
  const onWritten = async (key: string, bytes: number) => {
    options.onWritten?.(key, bytes);
    await authenticated.principal.written?.(key);
  };
  refuseUnknownHeaders(request, operation.headers);
  try {
    await operation.run({ request, response, authenticated, store, bucket, region, clock, log, onWritten });
  } catch (error) {
    const isWrite = request.method !== "GET" && request.method !== "HEAD";
    if (isWrite && isStorageError(error)) options.onUnstorable?.(request.key, error.code);
    throw error;
  }
}

/** Before anything is authorised, so that nothing ends unnoticed in between. */
async function endWithKey({ onEnd }: S3Principal, response: ServerResponse): Promise<void> {
  if (onEnd === undefined) return;
  const stop = await onEnd(() => void response.destroy());
  onceClosed(response, stop);
}

/** The signature of a form is one of its fields. */
function refuseForm(request: S3Request): void {
  if (request.method !== "POST" || request.header("content-type")?.startsWith("multipart/form-data") !== true)
    return;
  throw new S3Error("NotImplemented", "PostObject is not implemented: sign a URL for a PUT instead.");
}

function fail(
  error: unknown,
  s3Error: S3Error,
  log: Logger,
  requestId: string,
  incoming: IncomingMessage,
  response: ServerResponse,
): void {
  const method = incoming.method ?? "";
  const path = (incoming.url ?? "").split("?")[0] ?? "";
  if (s3Error.code === "ObjectDamaged") log.error("an object is damaged", { method, path, error });
  if (isGone(response) || incoming.aborted) {
    log.debug("object client went away", { method, path, error: messageOf(error) });
    return;
  }
  if (s3Error.code === "InternalError") log.error("object request failed", { method, path, error });
  if (s3Error.code === "InsufficientStorage") log.error("objects cannot be written", { method, path, error });
  if (s3Error.code === "StorageUnavailable") log.error("objects cannot be used", { method, path, error });
  if (response.headersSent) {
    // The status is sent already: only closing the connection shows that the body is incomplete.
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) if (name !== "x-amz-request-id") response.removeHeader(name);
  sendError(response, s3Error, requestId, path);
  // What is left of the body is read and dropped: many clients read the answer only after sending all of it.
  incoming.resume();
}
