/** One authenticated request, and what an operation needs to answer it. */
import type { ServerResponse } from "node:http";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { HostedStore } from "../hosted-store.ts";
import type { Authenticated } from "./authenticate.ts";
import type { S3Operation } from "./principal.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";

export interface Call {
  readonly request: S3Request;
  readonly response: ServerResponse;
  readonly authenticated: Authenticated;
  readonly store: HostedStore;
  readonly bucket: string;
  readonly region: string;
  /** Called for each object that was written completely. */
  readonly onWritten: (key: string, bytes: number) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Throws AccessDenied. */
export async function authorize(call: Call, operation: S3Operation, key: string): Promise<void> {
  const { principal } = call.authenticated;
  if (await principal.allows(operation, key)) return;
  call.log.debug("object access denied", { principal: principal.name, operation, key });
  throw accessDenied(principal.name, operation, key);
}

/**
 * The content, and at its end the question again whether it may be written: the right may have ended while it came. What
 * fails there is thrown before the store replaces anything.
 */
export async function* whileAuthorized(
  call: Call,
  content: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  yield* content;
  await authorize(call, "write", call.request.key);
}

export function accessDenied(principal: string, operation: S3Operation, key: string): S3Error {
  return new S3Error("AccessDenied", `${principal} may not ${operation} ${JSON.stringify(key)}.`);
}
