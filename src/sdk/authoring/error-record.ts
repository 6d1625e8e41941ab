/**
 * How errors are sent between containers. Flyte's message for an error has a code, a text and a kind. The class
 * name is the code; further fields are the last line of the text, as JSON, from which a TypeScript caller
 * restores them.
 */
import {
  OutOfMemoryError,
  TaskError,
  TaskTimeoutError,
  TIMEOUT_BOUNDS,
  type TaskErrorOptions,
} from "./errors.ts";
import { sharedState, type ErrorClass } from "./state.ts";

/**
 * Registers error classes, so that callers in other containers get instances of them, with their fields. The
 * constructor is not called. Errors of other classes arrive as TaskError with the same name and fields.
 */
export function registerError(...classes: readonly ErrorClass[]): void {
  for (const errorClass of classes) sharedState().errorClasses.set(errorClass.name, errorClass);
}

/** An error as it is sent: Flyte's code, message and kind. */
export interface ErrorRecord {
  readonly code: string;
  readonly message: string;
  readonly kind: "user" | "system" | "unknown";
  readonly recoverable: boolean;
}

const FIELDS = "\n#boxkite-error ";
const FIELDS_LIMIT = 64 * 1024;

export function encodeError(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) {
    return {
      code: "ThrownValue",
      message: `a value that is no Error was thrown: ${describe(error)}`,
      kind: "user",
      recoverable: true,
    };
  }
  const code = error instanceof TaskError ? error.code : className(error);
  const stack = stackFrames(error);
  const fields = serialisableFields(error);
  const trailer = Object.keys(fields).length === 0 ? "" : `${FIELDS}${JSON.stringify(fields)}`;
  return {
    code,
    message: `${error.message}${stack === "" ? "" : `\n${stack}`}${trailer.length > FIELDS_LIMIT ? "" : trailer}`,
    kind: error instanceof TaskError && error.kind === "system" ? "system" : "user",
    recoverable: !isNonRecoverable(error),
  };
}

/** The error's `name` where the author set it, otherwise the name of its class. */
function className(error: Error): string {
  return error.name !== "Error" ? error.name : error.constructor.name || "Error";
}

/** By the class names on the prototype chain, which also works between two copies of the package. */
function isNonRecoverable(error: Error): boolean {
  for (
    let prototype = Object.getPrototypeOf(error) as object | null;
    prototype;
    prototype = Object.getPrototypeOf(prototype) as object | null
  ) {
    if (prototype.constructor.name === "NonRecoverableError") return true;
  }
  return false;
}

function stackFrames(error: Error): string {
  const lines = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  // Frames inside Node do not help the author.
  const own = lines.filter((line) => !line.includes("node:internal"));
  const kept = own.slice(0, 20).join("\n");
  const cause =
    error.cause instanceof Error ? `\nCaused by: ${error.cause.name}: ${error.cause.message}` : "";
  return `${kept}${cause}`;
}

/** Sent as such, or not at all: the fields of every error, and those of a TaskError. */
const OF_ERROR = new Set(["name", "message", "stack", "cause"]);
const OF_TASK_ERROR = new Set(["code", "kind", "remoteStack"]);

function serialisableFields(error: Error): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(error)) {
    if (OF_ERROR.has(key) || (error instanceof TaskError && OF_TASK_ERROR.has(key))) continue;
    try {
      const text = JSON.stringify(value);
      if (text !== undefined) fields[key] = JSON.parse(text);
    } catch {
      // A field that JSON cannot represent (a cycle, a bigint) is left out; the error itself must arrive.
    }
  }
  return fields;
}

/** The error that a caller throws for a failed child. `where` names the child, for errors without a message. */
export function decodeError(record: Omit<ErrorRecord, "recoverable">, where: string): Error {
  // The server may put its own code before the author's: `RetriesExhausted|QuotaError`.
  const code = record.code.slice(record.code.indexOf("|") + 1).trim();
  const at = record.message.lastIndexOf(FIELDS);
  const fields = at < 0 ? {} : parseFields(record.message.slice(at + FIELDS.length));
  const text = at < 0 ? record.message : record.message.slice(0, at);
  const framesAt = text.search(/\n\s+at /);
  const message = (framesAt < 0 ? text : text.slice(0, framesAt)) || `${where} failed`;
  const remoteStack = framesAt < 0 ? undefined : text.slice(framesAt + 1);
  const registered = sharedState().errorClasses.get(code);
  const error =
    registered === undefined
      ? makeTaskError(message, { code, kind: record.kind, remoteStack }, record.code)
      : (Object.create(registered.prototype as object) as Error);
  if (registered !== undefined) {
    Object.defineProperty(error, "message", { value: message, configurable: true, writable: true });
    Object.defineProperty(error, "name", { value: code, configurable: true, writable: true });
  }
  Object.assign(error, fields);
  const here = new Error(message).stack?.split("\n").slice(2).join("\n") ?? "";
  const stack = `${error.name}: ${message}\n${remoteStack === undefined ? "" : `${remoteStack}\n    --- ${where}\n`}${here}`;
  Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true });
  return error;
}

function makeTaskError(message: string, options: TaskErrorOptions, serverCode: string): TaskError {
  if (Object.hasOwn(TIMEOUT_BOUNDS, options.code)) return new TaskTimeoutError(message, options);
  if (serverCode.toUpperCase().includes("OOM")) return new OutOfMemoryError(message, options);
  const error = new TaskError(message, options);
  error.name = options.code === "" ? "TaskError" : options.code;
  return error;
}

function parseFields(text: string): Record<string, unknown> {
  try {
    const fields: unknown = JSON.parse(text.split("\n", 1)[0] ?? "");
    if (typeof fields !== "object" || fields === null) return {};
    // An assignment to `__proto__` would replace the error's class.
    return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== "__proto__"));
  } catch (error) {
    // The text was truncated: report the error without its fields.
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function describe(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
