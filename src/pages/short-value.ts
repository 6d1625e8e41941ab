/** A value in a few characters: what tells two calls of one task apart, not what was passed. */
import { decode } from "@msgpack/msgpack";
import type { Literal, Primitive, Scalar } from "../wire/gen/flyteidl2/core/literals_pb.js";
import { decodeDuration, decodeTime } from "../wire/time.ts";
import { formatDuration } from "./assets/duration.js";
import { bytesText, isoTime } from "./parts.ts";

const MAX_LENGTH = 24;
/** Of a text that is cut: names that are alike mostly differ at their end. */
const KEPT_AT_END = 14;
/** Of lists and maps with more, only their number is shown. */
const MAX_ITEMS = 5;
const MAX_DEPTH = 2;
/** Larger packed values are not unpacked. */
const MAX_PACKED_BYTES = 4_096;

export function shortValue(literal: Literal): string {
  return shortened(literalText(literal, 0));
}

/** The middle is left out; on one line. */
export function shortened(text: string): string {
  const line = text.replaceAll(/\p{C}+/gu, " ");
  if (line.length <= MAX_LENGTH) return line;
  const start = line.slice(0, MAX_LENGTH - KEPT_AT_END - 1);
  return `${start.toWellFormed()}…${line.slice(-KEPT_AT_END).toWellFormed()}`;
}

function literalText({ value }: Literal, depth: number): string {
  switch (value.case) {
    case "scalar":
      return scalarText(value.value, depth);
    case "collection":
      return itemsText(value.value.literals, depth, literalText);
    case "map":
      return entriesText(Object.entries(value.value.literals), depth, literalText);
    case "offloadedMetadata":
      return lastPart(value.value.uri);
    default:
      return "none";
  }
}

function scalarText({ value }: Scalar, depth: number): string {
  switch (value.case) {
    case "primitive":
      return primitiveText(value.value);
    case "blob":
    case "schema":
    case "structuredDataset":
      return lastPart(value.value.uri);
    case "union":
      return value.value.value === undefined ? "none" : literalText(value.value.value, depth);
    case "generic":
      return plainText(value.value, depth);
    case "binary": {
      const { tag, value: bytes } = value.value;
      return tag === "msgpack" && bytes.length <= MAX_PACKED_BYTES
        ? plainText(unpacked(bytes), depth)
        : bytesText(bytes.length);
    }
    case "error":
      return quoted(value.value.message);
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

function primitiveText({ value }: Primitive): string {
  switch (value.case) {
    case "stringValue":
      return quoted(value.value);
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

function plainText(value: unknown, depth: number): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return String(value);
  if (value instanceof Uint8Array) return bytesText(value.length);
  if (value instanceof Date) return isoTime(value) ?? "a time out of range";
  if (Array.isArray(value)) return itemsText(value as unknown[], depth, plainText);
  if (typeof value === "object" && value !== null)
    return entriesText(Object.entries(value), depth, plainText);
  return "none";
}

function itemsText<T>(items: readonly T[], depth: number, text: (item: T, depth: number) => string): string {
  if (items.length > MAX_ITEMS || depth >= MAX_DEPTH) return `[${items.length} items]`;
  return `[${items.map((item) => shortened(text(item, depth + 1))).join(", ")}]`;
}

function entriesText<T>(
  entries: readonly (readonly [string, T])[],
  depth: number,
  text: (value: T, depth: number) => string,
): string {
  if (entries.length > MAX_ITEMS || depth >= MAX_DEPTH) return `{${entries.length} entries}`;
  return `{${entries.map(([name, value]) => `${shortened(name)}: ${shortened(text(value, depth + 1))}`).join(", ")}}`;
}

/** What is cut anyway is not quoted in full. */
function quoted(text: string): string {
  return `"${text.length <= MAX_LENGTH * 4 ? text : `${text.slice(0, MAX_LENGTH)}${text.slice(-MAX_LENGTH)}`}"`;
}

/** Of a file or a folder: its name. */
function lastPart(uri: string): string {
  return uri.replace(/\/+$/u, "").split("/").at(-1) ?? uri;
}
