/**
 * JavaScript values as JSON values and bytes, and back: exactly, or not at all. What JSON has no form for is an object
 * with the key `$boxkite`, which names its type: `{ "$boxkite": "Date", "value": "2026-01-02T03:04:05.678Z" }`.
 * For what only TypeScript reads again: traces and the fields of errors.
 */
import { types } from "node:util";
import { BLOB, isBlobValue, makeBlob, type BlobReference } from "./blob.ts";
import { describeValue, ValueError } from "./errors.ts";
import { lossOfArray, lossOfObject } from "./lossless.ts";

const TAG = "$boxkite";

interface Tagged {
  readonly [TAG]: string;
  readonly value: unknown;
}

/** What takes the place of a value that cannot be carried; it may throw instead. The problem begins with the path. */
export type Refusal = (problem: string, value: unknown) => unknown;

const refuse: Refusal = (problem) => {
  throw new ValueError(problem);
};

/** How many more values are taken; a value that many others refer to is taken again each time. */
export interface Budget {
  left: number;
}

/** Throws ValueError, naming the path, for what would not be the same afterwards: functions, objects of classes, cycles. */
export function tagValue(
  value: unknown,
  path: string,
  refusal: Refusal = refuse,
  budget: Budget = { left: Number.POSITIVE_INFINITY },
): unknown {
  return new Tagger(refusal, budget).tag(value, path);
}

class Tagger {
  readonly #refuse: Refusal;
  readonly #budget: Budget;
  /** The objects that contain the present one. */
  readonly #around = new Set<object>();

  constructor(refusal: Refusal, budget: Budget) {
    this.#refuse = refusal;
    this.#budget = budget;
  }

  tag(value: unknown, path: string): unknown {
    if (--this.#budget.left < 0) return this.#refuse(`${path}: there are too many values`, "…");
    switch (typeof value) {
      case "boolean":
        return value;
      case "string":
        return value.isWellFormed()
          ? value
          : tagged("string", Buffer.from(value, "utf16le").toString("base64"));
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0)
          ? value
          : tagged("number", Object.is(value, -0) ? "-0" : String(value));
      case "bigint":
        return tagged("bigint", String(value));
      case "undefined":
        return tagged("undefined", null);
      case "object":
        return value === null ? null : this.#object(value, path);
      default:
        return this.#refuse(`${path}: ${describeValue(value)} cannot be carried`, value);
    }
  }

  #object(value: object, path: string): unknown {
    if (this.#around.has(value)) return this.#refuse(`${path}: it contains itself`, value);
    this.#around.add(value);
    try {
      return Array.isArray(value) ? this.#array(value, path) : this.#other(value, path);
    } finally {
      this.#around.delete(value);
    }
  }

  #array(value: readonly unknown[], path: string): unknown {
    const problem = lossOfArray(value);
    if (problem !== undefined) return this.#refuse(`${path}${problem}`, value);
    return Array.from(value, (item, index) => this.tag(item, `${path}[${index}]`));
  }

  #other(value: object, path: string): unknown {
    if (isBlobValue(value)) return tagged("File", value[BLOB]());
    if (ArrayBuffer.isView(value)) return this.#bytes(value, path);
    if (isOnly(value, types.isDate, "Date"))
      return tagged("Date", Number.isNaN(value.getTime()) ? null : value.toISOString());
    if (isOnly(value, types.isMap, "Map")) return tagged("Map", this.#pairs([...value], path));
    if (isOnly(value, types.isSet, "Set"))
      return tagged(
        "Set",
        Array.from(value, (item, at) => this.tag(item, `${path}[${at}]`)),
      );
    const problem = lossOfObject(value);
    if (problem !== undefined) return this.#refuse(`${path}: ${problem}`, value);
    const entries = Object.entries(value);
    // `__proto__` is no key that every reader accepts.
    if (Object.hasOwn(value, TAG) || Object.hasOwn(value, "__proto__"))
      return tagged("object", this.#pairs(entries, path));
    return Object.fromEntries(entries.map(([key, entry]) => [key, this.tag(entry, `${path}.${key}`)]));
  }

  #pairs(pairs: readonly (readonly [unknown, unknown])[], path: string): unknown[] {
    return pairs.map(([key, entry]) => {
      const name = typeof key === "string" ? `${path}.${key}` : `${path}[${describeValue(key)}]`;
      return [this.tag(key, `${path}, a key`), this.tag(entry, name)];
    });
  }

  #bytes(view: ArrayBufferView, path: string): unknown {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    if (Buffer.isBuffer(view)) return tagged("Buffer", bytes);
    const name = view.constructor.name;
    if (name === "Uint8Array") return view;
    return Object.hasOwn(TYPED_ARRAYS, name)
      ? tagged(name, bytes)
      : this.#refuse(`${path}: ${lossOfObject(view) ?? ""}`, view);
  }
}

function tagged(type: string, value: unknown): Tagged {
  return { [TAG]: type, value };
}

/** Whether it is an object of that very class, without properties of its own. */
function isOnly<T extends object>(
  value: object,
  isOne: (value: unknown) => value is T,
  name: string,
): value is T {
  return isOne(value) && value.constructor.name === name && Object.keys(value).length === 0;
}

const TYPED_ARRAYS: Readonly<Record<string, new (buffer: ArrayBuffer) => ArrayBufferView>> = {
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
  Int16Array,
  Int32Array,
  Int8Array,
  Uint16Array,
  Uint32Array,
  Uint8ClampedArray,
};

/** A value as JSON text. Throws ValueError as `tagValue` does. */
export function toJsonText(value: unknown, path: string): string {
  return JSON.stringify(tagValue(value, path), (_key, entry: unknown) =>
    entry instanceof Uint8Array ? tagged("bytes", Buffer.from(entry).toString("base64")) : entry,
  );
}

export function fromJsonText(text: string): unknown {
  return untagValue(JSON.parse(text));
}

/** The value that was tagged. What is no valid tagged value is returned as it is. */
export function untagValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(untagValue);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Object.hasOwn(value, TAG)) return untag(value as Tagged);
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, untagValue(entry)]));
}

function untag(whole: Tagged): unknown {
  const { [TAG]: type, value } = whole;
  switch (type) {
    case "undefined":
      return undefined;
    case "number":
      return Number(value);
    case "bigint":
      return typeof value === "string" && /^-?\d+$/.test(value) ? BigInt(value) : whole;
    case "string":
      return Buffer.from(String(value), "base64").toString("utf16le");
    case "Date":
      return new Date(typeof value === "string" ? value : Number.NaN);
    case "Map":
      return isPairs(value)
        ? new Map(value.map(([key, entry]) => [untagValue(key), untagValue(entry)]))
        : whole;
    case "Set":
      return Array.isArray(value) ? new Set(value.map(untagValue)) : whole;
    case "object":
      return isPairs(value)
        ? Object.fromEntries(value.map(([key, entry]) => [String(key), untagValue(entry)]))
        : whole;
    case "File":
      return makeBlob(value as BlobReference);
    case "bytes":
      return new Uint8Array(Buffer.from(String(value), "base64"));
    default: {
      const bytes = untagValue(value);
      return bytes instanceof Uint8Array ? bytesOf(type, bytes) : whole;
    }
  }
}

function isPairs(value: unknown): value is readonly (readonly [unknown, unknown])[] {
  return Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.length === 2);
}

function bytesOf(type: string, bytes: Uint8Array): unknown {
  if (type === "Buffer") return Buffer.from(bytes);
  const TypedArray = Object.hasOwn(TYPED_ARRAYS, type) ? TYPED_ARRAYS[type] : undefined;
  return TypedArray === undefined ? bytes : new TypedArray(new Uint8Array(bytes).buffer);
}
