/**
 * How errors are sent between containers. Flyte's message for an error has a code, a text and a kind. The class
 * name is the code; the text is the message and the stack, with those of the causes; what else belongs to it is the
 * last line of the text, as JSON, from which a TypeScript caller restores it.
 */
import {
  NonRecoverableError,
  OutOfMemoryError,
  TaskError,
  TaskTimeoutError,
  TIMEOUT_BOUNDS,
  type TaskErrorOptions,
} from "./errors.ts";
import { sharedState } from "./state.ts";
import { readErrorText, writeErrorText, type ReadText } from "./error-text.ts";
import { isError, nameOf, printed, readError, type Detail, type OtherValue } from "./thrown-value.ts";
import { shorten } from "../../domain/text.ts";
import { untagValue } from "../../wire/literals/tagged.ts";

/** An error as it is sent: Flyte's code, message and kind. */
export interface ErrorRecord {
  readonly code: string;
  readonly message: string;
  readonly kind: "user" | "system" | "unknown";
  readonly recoverable: boolean;
}

/** In characters. The server keeps no more of a message, and would cut out the middle. */
export const MAX_RECORD_LENGTH = 16_000;

/** From the most that is kept of an error to the least, which always fits. */
const DETAILS: readonly Detail[] = [
  {
    message: 10_000,
    innerMessage: 2_000,
    frames: 20,
    levels: 8,
    errors: 20,
    text: 4_000,
    entries: 100,
    depth: 6,
  },
  {
    message: 10_000,
    innerMessage: 1_000,
    frames: 10,
    levels: 4,
    errors: 8,
    text: 500,
    entries: 20,
    depth: 4,
  },
  { message: 8_000, innerMessage: 300, frames: 5, levels: 2, errors: 4, text: 100, entries: 8, depth: 2 },
  { message: 8_000, innerMessage: 100, frames: 3, levels: 1, errors: 2, text: 100, entries: 4, depth: 1 },
  { message: 6_000, innerMessage: 100, frames: 0, levels: 0, errors: 0, text: 100, entries: 0, depth: 0 },
];

/** Anything may be thrown; this never throws. */
export function encodeError(error: unknown): ErrorRecord {
  if (!isError(error)) {
    const value = shorten(printed(error), MAX_RECORD_LENGTH / 2);
    const message = `a value that is no Error was thrown: ${value}`;
    return { code: "ThrownValue", message, kind: "user", recoverable: true };
  }
  const message = firstThatFits(error);
  const isTaskError = error instanceof TaskError;
  return {
    code: isTaskError ? error.code : nameOf(error),
    message,
    kind: isTaskError && error.kind === "system" ? "system" : "user",
    recoverable: !isNonRecoverable(error),
  };
}

function firstThatFits(error: Error): string {
  for (const detail of DETAILS) {
    try {
      const text = writeErrorText(readError(error, detail));
      if (text.length <= MAX_RECORD_LENGTH) return text;
    } catch (problem) {
      // The text would be longer than any can be.
      if (!(problem instanceof RangeError)) throw problem;
    }
  }
  return "";
}

/** By the class names on the prototype chain, which also works between two copies of the package. */
function isNonRecoverable(error: Error): boolean {
  try {
    let prototype: unknown = Object.getPrototypeOf(error);
    while (typeof prototype === "object" && prototype !== null) {
      if (prototype.constructor?.name === "NonRecoverableError") return true;
      prototype = Object.getPrototypeOf(prototype);
    }
  } catch {
    // A proxy that cannot be read.
  }
  return false;
}

/**
 * The error that a caller throws for a failed child. `where` names the child, for errors without a message.
 * `forGood`: whoever throws it on fails for good, too.
 */
export function decodeError(
  record: Omit<ErrorRecord, "recoverable">,
  where: string,
  { forGood = false }: { readonly forGood?: boolean } = {},
): Error {
  // The server may put its own code before the author's: `RetriesExhausted|QuotaError`.
  const code = record.code.slice(record.code.indexOf("|") + 1).trim();
  const read = readErrorText(record.message);
  const message = read.message || `${where} failed`;
  const remoteStack = read.stack === "" ? undefined : read.stack;
  const error =
    restoreRegistered(code, message) ??
    (forGood
      ? named(new NonRecoverableError(message), code)
      : makeTaskError(message, { code, kind: record.kind, remoteStack }, record.code));
  restoreParts(error, read);
  const here = new Error(message).stack?.split("\n").slice(2).join("\n") ?? "";
  define(
    error,
    "stack",
    `${error.name}: ${message}\n${remoteStack === undefined ? "" : `${remoteStack}\n    --- ${where}\n`}${here}`,
  );
  return error;
}

/** Without its constructor, which may want anything. Undefined if no class of that name is registered. */
function restoreRegistered(name: string, message: string): Error | undefined {
  const registered = sharedState().errorClasses.get(name);
  if (registered === undefined) return undefined;
  const error = new Error(message);
  Object.setPrototypeOf(error, registered.prototype as object);
  return named(error, name);
}

function named<E extends Error>(error: E, name: string): E {
  define(error, "name", name);
  return error;
}

/** A cause, or one of several errors. */
function restoreInner(read: ReadText | OtherValue): unknown {
  if ("other" in read) return untagValue(read.other);
  const { name, message, stack } = read;
  const error =
    restoreRegistered(name, message) ??
    named(new TaskError(message, { code: name, kind: "user", remoteStack: stack }), name);
  restoreParts(error, read);
  define(error, "stack", `${name}: ${message}${stack === "" ? "" : `\n${stack}`}`);
  return error;
}

function restoreParts(error: Error, { fields, cause, errors }: ReadText): void {
  // Defined, not assigned: the class may have an accessor of that name.
  for (const [name, value] of Object.entries(fields)) {
    if (name === "__proto__") continue;
    const field = { value: untagValue(value), enumerable: true, configurable: true, writable: true };
    Object.defineProperty(error, name, field);
  }
  if (cause !== undefined) define(error, "cause", restoreInner(cause));
  if (errors !== undefined) define(error, "errors", errors.map(restoreInner));
}

function define(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, configurable: true, writable: true });
}

function makeTaskError(message: string, options: TaskErrorOptions, serverCode: string): TaskError {
  if (Object.hasOwn(TIMEOUT_BOUNDS, options.code)) return new TaskTimeoutError(message, options);
  if (serverCode.toUpperCase().includes("OOM")) return new OutOfMemoryError(message, options);
  const error = new TaskError(message, options);
  error.name = options.code === "" ? "TaskError" : options.code;
  return error;
}
