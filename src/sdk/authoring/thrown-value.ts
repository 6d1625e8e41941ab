/**
 * What was thrown, as data. Anything may be thrown, so nothing of it is trusted: a getter or a proxy may throw itself,
 * and a chain of causes may lead back to its beginning.
 */
import { inspect, types } from "node:util";
import { TaskError } from "./errors.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { shorten } from "../../domain/text.ts";
import { describeValue } from "../../wire/literals/errors.ts";
import { tagValue } from "../../wire/literals/tagged.ts";

export interface ThrownError {
  readonly name: string;
  readonly message: string;
  /** The lines of its stack. */
  readonly frames: readonly string[];
  /** Its own properties, and what the accessors of its class return. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause?: ThrownError | OtherValue;
  readonly errors?: readonly (ThrownError | OtherValue)[];
}

/** A value that is no Error. */
export interface OtherValue {
  /** With `tagValue`, and bounded. */
  readonly other: unknown;
}

/** How much is kept. Lengths are in characters. */
export interface Detail {
  readonly message: number;
  /** Of the message of a cause or of one of several errors. */
  readonly innerMessage: number;
  readonly frames: number;
  /** Of causes, and of errors inside of errors. */
  readonly levels: number;
  /** In all, besides the one that was thrown. */
  readonly errors: number;
  readonly text: number;
  /** Of an object or an array. */
  readonly entries: number;
  readonly depth: number;
}

/** In one field: more than are kept of any. */
const MOST_VALUES = 1_000;

export function isError(value: unknown): value is Error {
  return attempt(() => value instanceof Error || types.isNativeError(value)) ?? false;
}

/** The error's `name` where the author set it, otherwise the name of its class. */
export function nameOf(error: Error): string {
  const own = textOf(error, "name") ?? "";
  if (own !== "" && own !== "Error") return shorten(own, 200);
  const ofClass: unknown = attempt(() => error.constructor.name);
  return typeof ofClass === "string" && ofClass !== "" ? shorten(ofClass, 200) : "Error";
}

/** A value for a message: a text in quotes, anything else as Node prints it. */
export function printed(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return attempt(() => inspect(value, { customInspect: false, depth: 2 })) ?? "a value that cannot be read";
}

export function readError(error: Error, detail: Detail): ThrownError {
  return new Reader(detail).read(error, 0);
}

class Reader {
  readonly #detail: Detail;
  /** The errors that contain the present one. */
  readonly #around = new Set<unknown>();
  #errorsLeft: number;

  constructor(detail: Detail) {
    this.#detail = detail;
    this.#errorsLeft = detail.errors;
  }

  read(error: Error, level: number): ThrownError {
    this.#around.add(error);
    const detail = this.#detail;
    const whole = textOf(error, "message") ?? "";
    const cause = this.#inner(
      attempt(() => error.cause),
      level,
    );
    const errors = attempt(() => (error as Partial<AggregateError>).errors as unknown);
    const thrown = {
      name: nameOf(error),
      message: shorten(whole, level === 0 ? detail.message : detail.innerMessage),
      frames: framesOf(textOf(error, "stack") ?? "", whole).slice(0, detail.frames),
      fields: this.#fields(error),
      ...(cause === undefined ? {} : { cause }),
      ...(Array.isArray(errors) ? { errors: this.#all(errors, level) } : {}),
    };
    this.#around.delete(error);
    return thrown;
  }

  #all(errors: readonly unknown[], level: number): (ThrownError | OtherValue)[] {
    const kept = level === this.#detail.levels ? [] : errors.slice(0, this.#errorsLeft);
    const read = kept.map((error) => this.#inner(error, level) ?? { other: this.#value(error) });
    const left = errors.length - read.length;
    return left === 0 ? read : [...read, { other: `[${left} more]` }];
  }

  #inner(value: unknown, level: number): ThrownError | OtherValue | undefined {
    if (value === undefined) return undefined;
    if (!isError(value)) return { other: this.#value(value) };
    if (this.#around.has(value)) return { other: "[an error above]" };
    if (level === this.#detail.levels || this.#errorsLeft <= 0) return { other: markOf(value) };
    this.#errorsLeft -= 1;
    return this.read(value, level + 1);
  }

  #fields(error: Error): Record<string, unknown> {
    const { entries } = this.#detail;
    const names = fieldNames(error);
    const kept = names.slice(0, entries).map((name) => {
      const value = attempt(() => ({ read: (error as unknown as Record<string, unknown>)[name] }));
      return [
        shorten(name, 200),
        value === undefined ? "[it cannot be read]" : this.#value(value.read),
      ] as const;
    });
    if (names.length > kept.length) kept.push(["…", `[${names.length - kept.length} more]`]);
    return Object.fromEntries(kept);
  }

  #value(value: unknown): unknown {
    const tag = (): unknown =>
      bounded(
        tagValue(value, "", (_problem, refused) => markOf(refused), { left: MOST_VALUES }),
        this.#detail,
      );
    return attempt(tag) ?? "[it cannot be read]";
  }
}

/** The property as a text, if it is one that can be read. */
function textOf(error: Error, property: "name" | "message" | "stack"): string | undefined {
  const value: unknown = attempt(() => error[property]);
  return typeof value === "string" ? value.toWellFormed() : undefined;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Those that are lines of the stack, and not of the message, which the stack begins with. */
function framesOf(stack: string, message: string): string[] {
  const at = message === "" ? -1 : stack.indexOf(message);
  const lines = (at < 0 ? stack : stack.slice(at + message.length)).split("\n");
  // Frames inside Node do not help the author.
  return lines
    .filter((line) => /^\s+at /.test(line) && !line.includes("node:internal"))
    .map((line) => `    ${shorten(line.trim(), 500)}`);
}

const OF_EVERY_ERROR = new Set(["name", "message", "stack", "cause", "constructor", "__proto__"]);
/** Sent as such: the fields of a TaskError. */
const OF_TASK_ERROR = new Set(["code", "kind", "remoteStack"]);

/** Of its own properties, and of the accessors of its classes, through which private fields are read. */
function fieldNames(error: Error): string[] {
  const names = new Set(attempt(() => ownNames(error)) ?? []);
  for (const prototype of ownClasses(error))
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(prototype)))
      if (property.get !== undefined) names.add(name);
  return [...names].filter((name) => {
    if (name === "errors") return !Array.isArray(attempt(() => (error as { errors?: unknown }).errors));
    return !OF_EVERY_ERROR.has(name) && !(error instanceof TaskError && OF_TASK_ERROR.has(name));
  });
}

/** A BoxkiteError hides its fields from what Node prints of it, and not from callers. */
function ownNames(error: Error): string[] {
  return error instanceof BoxkiteError ? Object.getOwnPropertyNames(error) : Object.keys(error);
}

/** The prototypes of classes that an author, or a library, wrote. */
function ownClasses(error: Error): object[] {
  const classes: object[] = [];
  attempt(() => {
    let prototype: unknown = Object.getPrototypeOf(error);
    while (typeof prototype === "object" && prototype !== null && !isBuiltIn(prototype)) {
      classes.push(prototype);
      prototype = Object.getPrototypeOf(prototype);
    }
  });
  return classes;
}

function isBuiltIn(prototype: object): boolean {
  return /\{\s*\[native code\]\s*\}$/.test(String(prototype.constructor));
}

/** How often a `toJSON` may return an object that has one again. */
const MOST_CONVERSIONS = 4;

/** What takes the place of a value that cannot be sent as it is. */
function markOf(value: unknown, conversions = 0): unknown {
  if (isError(value)) return `[${nameOf(value)}: ${shorten(textOf(value, "message") ?? "", 500)}]`;
  const mark = `[${attempt(() => describeValue(value)) ?? "it cannot be read"}]`;
  if (conversions === MOST_CONVERSIONS) return mark;
  const json = attempt(() => (value as { toJSON?: () => unknown }).toJSON?.());
  if (json === undefined) return mark;
  const refusal = (_problem: string, refused: unknown): unknown => markOf(refused, conversions + 1);
  return attempt(() => tagValue(json, "", refusal, { left: MOST_VALUES })) ?? mark;
}

function bounded(value: unknown, detail: Detail, depth = 0): unknown {
  if (typeof value === "string") return shorten(value, detail.text);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (depth === detail.depth) return "[…]";
  const inner = (item: unknown): unknown => bounded(item, detail, depth + 1);
  if (Array.isArray(value)) {
    const left = value.length - detail.entries;
    return [...value.slice(0, detail.entries).map(inner), ...(left > 0 ? [`[${left} more]`] : [])];
  }
  const entries = Object.entries(value);
  const kept = entries
    .slice(0, detail.entries)
    .map(([key, entry]) => [shorten(key, 200), inner(entry)] as const);
  if (entries.length > kept.length) kept.push(["…", `[${entries.length - kept.length} more]`]);
  return Object.fromEntries(kept);
}
