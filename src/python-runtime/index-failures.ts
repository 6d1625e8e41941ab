/** What a package index answers instead of a wheel, and what to do about it. */
import { BoxkiteError, type ErrorCode, messageOf } from "../domain/errors.ts";
import { errnoOf, UNTRUSTED_AUTHORITY } from "../lib/errno.ts";
import { findFailure, type FailureRow } from "../lib/failure-table.ts";
import type { LockedWheel } from "./lock.ts";

/** The index answered with an HTTP status that is no success, or (404) does not list the file. */
export class IndexRefusal extends Error {
  readonly status: number;

  constructor(status: number, message = `it answered with ${status}`) {
    super(message);
    this.status = status;
  }
}

export interface FetchContext {
  readonly wheel: LockedWheel;
  /** The address of the index. */
  readonly index: string;
}

const FETCH_FAILED = { code: "RUNTIME_FETCH_FAILED", kind: "system" } as const;

const FAILURES: readonly FailureRow<ErrorCode, FetchContext>[] = [
  {
    ...FETCH_FAILED,
    answers: { status: [401, 403] },
    retry: "never",
    hint: () => "the index wants other credentials: PIP_INDEX_URL=https://USER:PASSWORD@HOST/simple",
    source: "RFC 9110, 15.5.2 and 15.5.4",
  },
  {
    ...FETCH_FAILED,
    answers: { status: [407, 407] },
    retry: "never",
    hint: () => "the proxy wants credentials: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
    source: "RFC 9110, 15.5.8",
  },
  {
    ...FETCH_FAILED,
    answers: { status: [400, 407] },
    retry: "never",
    hint: ({ wheel, index }) =>
      `an index is needed that has exactly this file; name it with PIP_INDEX_URL. Try: curl -i ${index}${wheel.name}/`,
    source: "RFC 9110, 15.5; a mirror that does not have all files",
  },
  {
    ...FETCH_FAILED,
    answers: {
      errno: UNTRUSTED_AUTHORITY,
    },
    retry: "never",
    hint: () => "name the file of the authority that signed its certificate in SSL_CERT_FILE",
    source: "OpenSSL, for a certificate that no trusted authority signed",
  },
  {
    ...FETCH_FAILED,
    answers: { errno: ["ENOENT", "EACCES"] },
    retry: "never",
    hint: () =>
      "the variables PIP_CERT, SSL_CERT_FILE, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE must name a readable file",
    source: "open(2), for the file of certificate authorities",
  },
];

/** Whether a repetition may succeed with nothing changed. */
export function isTemporary(error: unknown, context: FetchContext): boolean {
  return !(error instanceof BoxkiteError) && rowOf(error, context)?.retry !== "never";
}

/** Throws nothing; a BoxkiteError stays as it is. */
export function fetchFailure(error: unknown, context: FetchContext): BoxkiteError {
  if (error instanceof BoxkiteError) return error;
  const { wheel, index } = context;
  return new BoxkiteError(
    FETCH_FAILED.code,
    `the Python runtime cannot be completed: fetching ${wheel.file} from ${index} failed: ${messageOf(error)}`,
    {
      cause: error,
      hint:
        rowOf(error, context)?.hint?.(context) ??
        `is the index reachable from this machine? Try: curl -i ${index}${wheel.name}/; another index is named with PIP_INDEX_URL, a proxy with HTTPS_PROXY; or copy the directory python-runtimes from the data directory of a machine where boxkite runtime fetch works`,
    },
  );
}

/** 408, 425 and 429 are statuses of a client's error that ask to try again. */
const TRY_AGAIN = [408, 425, 429];

function rowOf(error: unknown, context: FetchContext) {
  const status = error instanceof IndexRefusal ? error.status : undefined;
  if (status !== undefined && TRY_AGAIN.includes(status)) return undefined;
  return findFailure(FAILURES, { status, errno: errnoOf(error) }, context);
}
