/** Requests that are refused whatever they ask for: by an unknown name, after too many guesses, at a port that is not theirs. */
import { textOf } from "../domain/errors.ts";
import type { Stranger } from "../domain/principal.ts";
import { refuse } from "./arrival.ts";
import type { CallRecord } from "./audit/call-record.ts";
import { failureOfStatus } from "./audit/call-record.ts";
import type { Request, Response } from "./listener.ts";

export interface Refusal {
  readonly status: number;
  /** As Connect names it. */
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

export function unknownName({ headers }: Request): Refusal {
  const name = String(headers[":authority"] ?? headers.host);
  const message = `${name} is no name of this machine; where it is meant to be, start the server with --server-name NAME`;
  return { status: 421, code: "permission_denied", message };
}

export function tooManyGuesses(seconds: number): Refusal {
  const message = `there were too many wrong tokens from this address; try again in ${seconds} s`;
  return { status: 429, code: "resource_exhausted", message, retryAfterSeconds: seconds };
}

export function refusedStranger({ why, hint }: Stranger): Refusal {
  return { status: 401, code: "unauthenticated", message: textOf({ message: why, hint }) };
}

/** Of a call of the protocol its service and method, as the audit log has them. */
export function callNameOf(path: string): string {
  return /^\/flyteidl2\.(?:\w+\.)*(\w+\/\w+)$/u.exec(path)?.[1] ?? "request";
}

export function answerRefusal(
  response: Response,
  { status, code, message, retryAfterSeconds }: Refusal,
  call: Pick<CallRecord, "fail">,
): void {
  call.fail({ ...failureOfStatus(status), message });
  if (retryAfterSeconds !== undefined) response.setHeader("retry-after", String(retryAfterSeconds));
  refuse(response, status, code, message);
}
