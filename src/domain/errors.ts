/** Who can fix an error: the caller, or the operator of the server. */
export type ErrorKind = "user" | "system";

export interface BoxkiteErrorOptions {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  readonly recoverable?: boolean | undefined;
}

const brand = Symbol.for("boxkite.BoxkiteError");

/**
 * The one error type that Boxkite throws on purpose.
 *
 * `code` is stable and listed in docs/errors.md; `kind` says who can fix it; `message` says what
 * happened with the names involved; `hint` says what to do, ideally as a command to type.
 */
export class BoxkiteError extends Error {
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  /** Whether trying again soon may help, with nothing changed. @default true for kind `system` */
  readonly recoverable: boolean;
  readonly [brand] = true;

  constructor(code: ErrorCode, message: string, options: BoxkiteErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "BoxkiteError";
    this.code = code;
    this.kind = ERROR_CODES[code];
    this.hint = options.hint;
    this.recoverable = options.recoverable ?? this.kind === "system";
    // Node prints the stack of an error that nobody catches, then its enumerable properties as an object.
    this.stack = printed(new.target.name, this);
    hideProperties(this, ["kind", "hint", "recoverable", "name", brand]);
  }

  /** By brand, so that two installed copies of the package recognise each other's errors. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && brand in value;
  }
}

/** The stack, with the hint after the message. */
function printed(name: string, { message, hint, stack = message }: BoxkiteError): string {
  const frames = stack.slice(stack.indexOf(message) + message.length);
  return `${name}: ${message}${hint === undefined ? "" : `\nhint: ${hint}`}${frames}`;
}

/** Keeps them out of what Node prints of an error that nobody catches; the message and the hint say it all. */
export function hideProperties(error: Error, names: readonly (string | symbol)[]): void {
  for (const name of names) Object.defineProperty(error, name, { enumerable: false });
}

/** Every code, with who can fix it. docs/errors.md explains each; a test compares the two. */
export const ERROR_CODES = {
  /** A request breaks a rule of its own: a missing id, a name that cannot be one. */
  INVALID_ARGUMENT: "user",
  /** A field that Boxkite does not act on was set. It is refused rather than ignored. */
  FIELD_NOT_SUPPORTED: "user",
  PROJECT_NOT_FOUND: "user",
  PROJECT_EXISTS: "user",
  RUN_NOT_FOUND: "user",
  RUN_EXISTS: "user",
  /** A run or an action was to be aborted that had ended by itself. */
  ALREADY_ENDED: "user",
  LEASE_LOST: "system",
  ACTION_NOT_FOUND: "user",
  /** What only a running action has was asked for, and it does not run. */
  ACTION_NOT_RUNNING: "user",
  /** The program of a reproduction made a call that its action has not made. */
  CALL_NOT_RECORDED: "user",
  TASK_NOT_FOUND: "user",
  TASK_EXISTS: "user",
  OBJECT_NOT_FOUND: "user",
  /** The disk of the data directory is full. */
  DISK_FULL: "system",
  /** An object on disk is not what was written. */
  OBJECT_DAMAGED: "system",
  /** Logs were asked for that do not exist (yet). */
  LOGS_NOT_FOUND: "user",
  /** Logs were asked for that will never be there, or are no longer. */
  NO_LOGS: "user",
  /** The call does not prove whose it is, where it has to. */
  UNAUTHENTICATED: "user",
  /** The caller is known, and does not have the right. */
  PERMISSION_DENIED: "user",
  /** A limit that docs/limits.md states. */
  LIMIT_EXCEEDED: "user",
  /** A project has taken all that its quota allows. */
  QUOTA_EXCEEDED: "user",
  /** The text is not an image reference. */
  IMAGE_REFERENCE_INVALID: "user",
  IMAGE_NOT_FOUND: "user",
  /** The registry wants credentials, or refuses the ones it got. */
  IMAGE_UNAUTHORIZED: "user",
  /** The image is for another processor architecture. */
  IMAGE_WRONG_PLATFORM: "user",
  /** No task can run in the image: the message says what is wrong with it, the hint what mends that. */
  IMAGE_CANNOT_RUN: "user",
  /** A step of an image build failed; the message has the step and its last lines. */
  IMAGE_BUILD_FAILED: "user",
  /** The builder cannot do what the image needs. */
  IMAGE_BUILDER_TOO_OLD: "user",
  /** A client could not connect to the server. */
  SERVER_UNREACHABLE: "system",
  /** The registry has no answer, or none that a registry gives. */
  REGISTRY_UNREACHABLE: "system",
  /** The registry limits its requests, and the limit is reached. */
  REGISTRY_RATE_LIMITED: "system",
  /** The server does not connect to this host for this caller (lib/egress.ts). */
  EGRESS_DENIED: "user",
  /** No container engine answers where one was asked for. */
  ENGINE_UNREACHABLE: "system",
  /** The container engine refused a call. */
  ENGINE_FAILED: "system",
  /** A package of the Python runtime could not be fetched from the index. */
  RUNTIME_FETCH_FAILED: "system",
  /** The configuration file, a flag or an environment variable is wrong. */
  CONFIG_INVALID: "user",
  PORT_IN_USE: "user",
  /** The data directory belongs to another running server, or to a newer version. */
  DATA_DIRECTORY_UNUSABLE: "user",
} as const satisfies Record<string, ErrorKind>;

/** docs/errors.md says of each what to do. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** The server cannot store anything: what only its operator can mend, and everybody should know. */
export type StorageCode = "DISK_FULL" | "DATA_DIRECTORY_UNUSABLE";

export function isStorageError(error: unknown): error is BoxkiteError & { readonly code: StorageCode } {
  return (
    error instanceof BoxkiteError && (error.code === "DATA_DIRECTORY_UNUSABLE" || error.code === "DISK_FULL")
  );
}

/** What happened and what to do about it, in one text. */
export function textOf({
  message,
  hint,
}: {
  readonly message: string;
  readonly hint?: string | undefined;
}): string {
  return hint === undefined ? message : `${message}; hint: ${hint}`;
}

/** The message of any thrown value, to be quoted in another message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
