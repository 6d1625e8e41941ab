/** What is known of one call, and the lines that it leaves in the audit log at its end. */
import {
  failedWith,
  MAX_RESOURCES,
  type AuditedResource,
  type AuditEntry,
  type AuditKind,
  type AuditResult,
} from "../../audit/entry.ts";
import { BoxkiteError, type ErrorCode } from "../../domain/errors.ts";
import type { Identity, Principal } from "../../domain/principal.ts";

/** Undefined: it is recorded only where it is denied. */
export type RecordedAs = Exclude<AuditKind, "denied"> | undefined;

export interface Failure {
  readonly code: string;
  readonly message?: string | undefined;
  readonly isDenial: boolean;
}

export class CallRecord {
  readonly #by: Principal;
  readonly #asked: AuditedResource[] = [];
  /** Resources beyond those. */
  #more = 0;
  /** Each on its own, where one call is about many: S3's DeleteObjects. */
  readonly #decided = new Map<string, { readonly on: AuditedResource; readonly failure?: Failure }>();
  #who: Pick<AuditEntry, "who" | "identity">;
  #recordedAs: RecordedAs;
  #failure: Failure | undefined;
  #denial: Failure | undefined;
  call: string;

  constructor(by: Principal, call: string, recordedAs: RecordedAs) {
    this.#by = by;
    this.#who = by;
    this.call = call;
    this.#recordedAs = recordedAs;
  }

  /** Who it turned out to be, by a signature or by a token in the body. */
  identify(who: string, identity: Identity): void {
    this.#who = { who, identity };
  }

  get who(): Pick<AuditEntry, "who" | "identity"> {
    return this.#who;
  }

  /** Whether its end leaves a line, denied or not. */
  get isRecorded(): boolean {
    return this.#recordedAs !== undefined;
  }

  asks(on: AuditedResource): void {
    if (this.#asked.some(({ kind, key }) => kind === on.kind && key === on.key)) return;
    if (this.#asked.length < MAX_RESOURCES) this.#asked.push(on);
    else this.#more++;
  }

  /** What was decided for one resource. A change is one for the whole call. */
  decided(recordedAs: RecordedAs, on: AuditedResource, failure?: Failure): void {
    if (this.#recordedAs !== "change") this.#recordedAs = recordedAs ?? this.#recordedAs;
    this.#decided.set(on.key, { on, ...(failure && { failure }) });
  }

  /** The first is the reason. */
  fail(failure: Failure): void {
    this.#failure ??= failure;
  }

  /** A right that is missing: the reason, if the call does not succeed all the same. */
  denied(error: unknown): void {
    const failure = failureOf(error);
    if (failure.isDenial) this.#denial ??= failure;
  }

  /** Of a call whose answer is known by its status only. */
  answered(status: number): void {
    if (status >= 300 && this.#denial !== undefined) this.fail(this.#denial);
    else if (status >= 400) this.fail(failureOfStatus(status));
  }

  entries(at: number): AuditEntry[] {
    const { client, from } = this.#by;
    const decided = [...this.#decided.values()];
    const entry = (kind: AuditKind, on: readonly AuditedResource[], more: number, failure?: Failure) => ({
      at,
      kind,
      ...this.#who,
      client,
      from,
      call: this.call,
      on: on.slice(0, MAX_RESOURCES),
      more: more + Math.max(0, on.length - MAX_RESOURCES),
      result: resultOf(failure),
    });
    const all = decided.length > 0 ? decided.map(({ on }) => on) : this.#asked;
    if (this.#failure?.isDenial === true) return [entry("denied", all, this.#more, this.#failure)];
    const refused = decided.filter(({ failure }) => failure !== undefined);
    const denied = partsOf(refused).map((part) =>
      entry(
        "denied",
        part.map(({ on }) => on),
        0,
        part[0]?.failure,
      ),
    );
    if (this.#recordedAs === undefined) return denied;
    const recordedAs = this.#recordedAs;
    if (decided.length === 0) return [entry(recordedAs, this.#asked, this.#more, this.#failure)];
    const allowed = decided.filter(({ failure }) => failure === undefined);
    return [
      ...denied,
      ...partsOf(allowed).map((part) =>
        entry(
          recordedAs,
          part.map(({ on }) => on),
          0,
          this.#failure,
        ),
      ),
    ];
  }
}

function partsOf<T>(all: readonly T[]): T[][] {
  const count = Math.ceil(all.length / MAX_RESOURCES);
  return Array.from({ length: count }, (_, part) =>
    all.slice(part * MAX_RESOURCES, (part + 1) * MAX_RESOURCES),
  );
}

function resultOf(failure: Failure | undefined): AuditResult {
  return failure === undefined ? "ok" : { code: failure.code, message: failure.message };
}

/** By which a caller learns that it may not. */
const DENIALS: ReadonlySet<ErrorCode> = new Set([
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "QUOTA_EXCEEDED",
  "EGRESS_DENIED",
]);

export function failureOf(error: unknown): Failure {
  const isDenial = error instanceof BoxkiteError && DENIALS.has(error.code);
  return { ...failedWith(error), isDenial };
}

const DENIED_STATUSES: Readonly<Record<number, ErrorCode>> = {
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  421: "PERMISSION_DENIED",
  429: "QUOTA_EXCEEDED",
};

export function failureOfStatus(status: number): Failure {
  const denial = DENIED_STATUSES[status];
  return { code: denial ?? `HTTP_${status}`, isDenial: denial !== undefined };
}
