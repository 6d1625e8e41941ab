/** A value as text of bounded length; in a few characters it tells two calls of one task apart. */
import { decode } from "@msgpack/msgpack";
import type { Literal, Primitive, Scalar } from "../wire/gen/flyteidl2/core/literals_pb.js";
import { decodeDuration, decodeTime } from "../wire/time.ts";
import { formatDuration } from "./assets/duration.js";
import { bytesText, isoTime } from "./parts.ts";

export interface TextLimits {
  /** In characters, of the whole and of each item in it. */
  readonly length: number;
  /** Of a text that is cut: names that are alike mostly differ at their end. */
  readonly keptAtEnd: number;
  /** Of lists and maps with more, only their number is shown. */
  readonly items: number;
  readonly depth: number;
  /** Larger packed values are not unpacked. */
  readonly packedBytes: number;
}

const SHORT: TextLimits = { length: 24, keptAtEnd: 14, items: 5, depth: 2, packedBytes: 4_096 };

interface Position {
  readonly depth: number;
  readonly limits: TextLimits;
}

export function shortValue(literal: Literal): string {
  return valueText(literal, SHORT);
}

export function valueText(literal: Literal, limits: TextLimits): string {
  return shortened(literalText(literal, { depth: 0, limits }), limits);
}

/** The middle is left out; on one line. */
export function shortened(text: string, { length, keptAtEnd }: TextLimits = SHORT): string {
  const line = text.replaceAll(/\p{C}+/gu, " ");
  if (line.length <= length) return line;
  const start = line.slice(0, length - keptAtEnd - 1);
  return `${start.toWellFormed()}…${line.slice(-keptAtEnd).toWellFormed()}`;
}

function literalText({ value }: Literal, at: Position): string {
  switch (value.case) {
    case "scalar":
      return scalarText(value.value, at);
    case "collection":
      return itemsText(value.value.literals, at, literalText);
    case "map":
      return entriesText(Object.entries(value.value.literals), at, literalText);
    case "offloadedMetadata":
      return lastPart(value.value.uri);
    default:
      return "none";
  }
}

function scalarText({ value }: Scalar, at: Position): string {
  switch (value.case) {
    case "primitive":
      return primitiveText(value.value, at.limits);
    case "blob":
    case "schema":
    case "structuredDataset":
      return lastPart(value.value.uri);
    case "union":
      return value.value.value === undefined ? "none" : literalText(value.value.value, at);
    case "generic":
      return plainText(value.value, at);
    case "binary": {
      const { tag, value: bytes } = value.value;
      return tag === "msgpack" && bytes.length <= at.limits.packedBytes
        ? plainText(unpacked(bytes), at)
        : bytesText(bytes.length);
    }
    case "error":
      return quoted(value.value.message, at.limits);
    default:
      return "none";
  }
}

function unpacked(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { useBigInt64: true });
  } catch {
    // A task may send any bytes.
    return undefined;
  }
}

function primitiveText({ value }: Primitive, limits: TextLimits): string {
  switch (value.case) {
    case "stringValue":
      return quoted(value.value, limits);
    case "datetime":
      return isoTime(decodeTime(value.value)) ?? "a time out of range";
    case "duration":
      return formatDuration(decodeDuration(value.value));
    case "floatValue":
      return Number.isInteger(value.value) ? value.value.toFixed(1) : String(value.value);
    default:
      return String(value.value);
  }
}

function plainText(value: unknown, at: Position): string {
  if (typeof value === "string") return quoted(value, at.limits);
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return String(value);
  if (value instanceof Uint8Array) return bytesText(value.length);
  if (value instanceof Date) return isoTime(value) ?? "a time out of range";
  if (Array.isArray(value)) return itemsText(value as unknown[], at, plainText);
  if (typeof value === "object" && value !== null) return entriesText(Object.entries(value), at, plainText);
  return "none";
}

function itemsText<T>(items: readonly T[], at: Position, text: (item: T, at: Position) => string): string {
  if (items.length > at.limits.items || at.depth >= at.limits.depth) return `[${items.length} items]`;
  return `[${items.map((item) => shortened(text(item, below(at)), at.limits)).join(", ")}]`;
}

function entriesText<T>(
  entries: readonly (readonly [string, T])[],
  at: Position,
  text: (value: T, at: Position) => string,
): string {
  if (entries.length > at.limits.items || at.depth >= at.limits.depth) return `{${entries.length} entries}`;
  return `{${entries.map(([name, value]) => `${shortened(name, at.limits)}: ${shortened(text(value, below(at)), at.limits)}`).join(", ")}}`;
}

function below({ depth, limits }: Position): Position {
  return { depth: depth + 1, limits };
}

/** What is cut anyway is not quoted in full. */
function quoted(text: string, { length }: TextLimits): string {
  return `"${text.length <= length * 4 ? text : `${text.slice(0, length)}${text.slice(-length)}`}"`;
}

/** Of a file or a folder: its name. */
function lastPart(uri: string): string {
  return uri.replace(/\/+$/u, "").split("/").at(-1) ?? uri;
}
