/** One line of the audit log: who did what to what, with which result. Never a secret, an input or a signed query. */
import type { TimeMs } from "../domain/action.ts";
import { actionKeyText } from "../domain/ids.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { CallerRecord, Identity } from "../domain/principal.ts";
import { SIGNED_TOKEN_PATTERN, TOKEN_PATTERN } from "../lib/token-text.ts";

/** `change`: also one that failed. `read`: of inputs, outputs, logs and objects. `denied`: whatever it asked for. */
export type AuditKind = "change" | "read" | "denied";

export interface AuditedResource {
  readonly kind: string;
  /** Its project and domain come first where it has them: `flytesnacks/development/r1/a0`. */
  readonly key: string;
}

export interface AuditEntry extends CallerRecord {
  readonly at: TimeMs;
  readonly kind: AuditKind;
  /** `operator`: whoever runs commands on the server's machine. */
  readonly identity: Identity | { readonly kind: "operator" };
  /** What was called, such as `RunService/CreateRun`, `S3/GetObject`, `page/log`. */
  readonly call: string;
  readonly on: readonly AuditedResource[];
  /** Resources that are not in `on`, which has MAX_RESOURCES at most. */
  readonly more?: number;
  readonly result: AuditResult;
}

export type AuditResult = "ok" | { readonly code: string; readonly message?: string | undefined };

/** The line as programs read it. Other fields may be added. */
export interface AuditLine {
  /** ISO 8601 in UTC, with milliseconds. */
  readonly time: string;
  readonly kind: AuditKind;
  readonly who: string;
  readonly identity: string;
  /** Of a token: its id. */
  readonly token?: string;
  /** Of a task: project, domain, run, action and number of the attempt, with slashes between them. */
  readonly attempt?: string;
  readonly client: string;
  readonly from: string;
  readonly call: string;
  readonly on: readonly AuditedResource[];
  /** How many resources were left out. */
  readonly more?: number;
  /** `ok` or the code of the error. */
  readonly result: string;
  readonly message?: string;
}

/** What is not thrown on purpose is in the server's log only: its text may hold anything. */
export function failedWith(error: unknown): Exclude<AuditResult, "ok"> {
  if (!(error instanceof BoxkiteError)) return { code: "INTERNAL" };
  return { code: error.code, message: error.message };
}

/** Of a name or a message; what comes from outside may have any length. */
const MAX_TEXT = 300;
const MAX_KEY = 1_100;
/** On one line. */
export const MAX_RESOURCES = 20;

/** With its line break. */
export function lineOf(entry: AuditEntry): string {
  const { at, kind, who, identity, client, from, call, on, more = 0, result } = entry;
  const line: AuditLine = {
    time: new Date(at).toISOString(),
    kind,
    who: text(who),
    identity: identity.kind,
    ...(identity.kind === "token" && { token: identity.id }),
    ...(identity.kind === "attempt" && {
      attempt: `${actionKeyText(identity.key)}/${identity.key.attempt}`,
    }),
    ...(identity.kind === "reproduction" && {
      attempt: `${actionKeyText(identity.of)}/${identity.of.attempt}`,
    }),
    client: text(client),
    from: text(from),
    call: text(call),
    on: on.map((each) => ({ kind: each.kind, key: text(each.key, MAX_KEY) })),
    ...(more > 0 && { more }),
    ...(result === "ok"
      ? { result }
      : { result: result.code, ...(result.message !== undefined && { message: text(result.message) }) }),
  };
  return `${JSON.stringify(line)}\n`;
}

/** Of bounded length, and without a token that somebody put where none belongs. */
function text(full: string, max = MAX_TEXT): string {
  const safe = /bk[talr]/u.test(full)
    ? full.replace(TOKEN_PATTERN, "***").replace(SIGNED_TOKEN_PATTERN, "***")
    : full;
  return safe.length > max ? `${safe.slice(0, max)}…`.toWellFormed() : safe;
}
