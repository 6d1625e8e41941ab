/** Who calls: determined once per request, and stored with the records that the call makes. */
import type { AttemptKey } from "./attempt.ts";

/** What is kept of a caller with what the call made. */
export interface CallerRecord {
  /** A stable name; `local` where calls are not authenticated. */
  readonly who: string;
  /** The program that called, as it names itself: `flyte-sdk/2.12.1`, `boxkite-ts/0.1.0`; empty where it does not. */
  readonly client: string;
  /** The address it called from, without a port. */
  readonly from: string;
}

export interface Principal extends CallerRecord {
  readonly identity: Identity;
}

/** Whose rights a run has at most: those of whoever started it, directly or by a task of another run. */
export type Authority =
  /** Calls are not authenticated here, or the server itself calls: everything is allowed. */
  | { readonly kind: "everyone" }
  /** A person or a machine with a token. */
  | { readonly kind: "token"; readonly id: string };

export type Identity =
  | Authority
  /** A task: what it calls from its container. */
  | { readonly kind: "attempt"; readonly key: AttemptKey }
  /** The program of a task that somebody runs again on a terminal; `id`: of the reproduction. */
  | { readonly kind: "reproduction"; readonly id: string; readonly of: AttemptKey }
  | Stranger;

/** One that would have to prove who it is, and does not. */
export interface Stranger {
  readonly kind: "stranger";
  readonly why: string;
  readonly hint: string;
}

export const EVERYONE: Authority = { kind: "everyone" };

/** The server itself, and every caller where calls are not authenticated. */
export const LOCAL: Principal = { who: "local", client: "", from: "", identity: EVERYONE };
