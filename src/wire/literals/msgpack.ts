/**
 * Objects as msgpack, the form in which Flyte carries them.
 *
 * The encoder is our own because it must follow the schema: a field declared as a number is written
 * as a float even when its value is whole, and one declared as an integer is never a float. Python
 * writes the same bytes for the same object, which is what makes hashes of inputs agree.
 */
import { decode } from "@msgpack/msgpack";
import { ownValue } from "../../domain/own-value.ts";
import { describeValue, ValueError } from "./errors.ts";
import { JS_TYPE, resolveReference, type JsonSchema } from "./json-schema.ts";
import { matchesSchema, propertyOf } from "./matches.ts";

/** Encodes a value by its schema; where the schema is silent, whole numbers are integers. */
export function encodeMsgpack(
  value: unknown,
  schema: JsonSchema | undefined,
  path = "value",
): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  write(writer, value, schema, schema, path);
  return writer.finish();
}

function write(
  writer: Writer,
  value: unknown,
  node: JsonSchema | undefined,
  root: JsonSchema | undefined,
  path: string,
): void {
  const schema = node === undefined || root === undefined ? undefined : resolveReference(node, root);
  if (schema !== undefined && root !== undefined) {
    const alternatives = schema.anyOf ?? schema.oneOf;
    if (alternatives !== undefined) {
      const chosen = alternatives.find((variant) => matchesSchema(value, variant, root));
      return write(writer, value, chosen, root, path);
    }
    if (Array.isArray(schema.type)) {
      const chosen = (schema.type as string[]).find((type) =>
        matchesSchema(value, { ...schema, type }, root),
      );
      return write(writer, value, chosen === undefined ? undefined : { ...schema, type: chosen }, root, path);
    }
    if (schema.type === "number" && typeof value === "number") return writer.float(value);
    if (schema.type === "integer") {
      if (typeof value === "number" && !Number.isSafeInteger(value)) {
        throw new ValueError(`${path}: ${value} is not an integer that a number holds exactly; use a bigint`);
      }
      if (typeof value === "number" || typeof value === "bigint") return writer.integer(BigInt(value), path);
    }
  }
  switch (typeof value) {
    case "undefined":
      return writer.nil();
    case "boolean":
      return writer.boolean(value);
    case "string":
      return writer.string(value);
    case "bigint":
      return writer.integer(value, path);
    case "number":
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) return writer.integer(BigInt(value), path);
      return writer.float(value);
    case "object":
      return writeObject(writer, value, schema, root, path);
    default:
      throw new ValueError(`${path}: ${describeValue(value)} cannot be carried to another container`);
  }
}

function writeObject(
  writer: Writer,
  value: object | null,
  schema: JsonSchema | undefined,
  root: JsonSchema | undefined,
  path: string,
): void {
  if (value === null) return writer.nil();
  if (value instanceof Uint8Array) return writer.binary(value);
  if (value instanceof Date) return writer.string(value.toISOString());
  if (Array.isArray(value)) {
    writer.arrayHeader(value.length);
    const places =
      schema?.prefixItems ?? (Array.isArray(schema?.items) ? (schema.items as JsonSchema[]) : []);
    const rest = Array.isArray(schema?.items)
      ? undefined
      : (schema?.items as JsonSchema | boolean | undefined);
    value.forEach((item, index) => {
      const itemSchema = places[index] ?? (typeof rest === "object" ? rest : undefined);
      write(writer, item, itemSchema, root, `${path}[${index}]`);
    });
    return;
  }
  if (value instanceof Map || value instanceof Set) {
    throw new ValueError(
      `${path}: a ${value.constructor.name} cannot be carried to another container; use an object`,
    );
  }
  const properties = schema?.properties ?? {};
  const rest = typeof schema?.additionalProperties === "object" ? schema.additionalProperties : undefined;
  const record = value as Record<string, unknown>;
  // In the order of the schema, then of the object: two objects that are equal have the same bytes.
  const keys = Object.keys(record).filter((key) => record[key] !== undefined);
  const ordered = [
    ...Object.keys(properties).filter((key) => propertyOf(record, key) !== undefined),
    ...keys.filter((key) => !Object.hasOwn(properties, key)),
  ];
  writer.mapHeader(ordered.length);
  for (const key of ordered) {
    writer.string(key);
    write(writer, record[key], ownValue(properties, key) ?? rest, root, `${path}.${key}`);
  }
}

/** Decodes by schema: integers beyond 2^53 throw unless the schema says bigint, dates become Dates where it says so. */
export function decodeMsgpack(bytes: Uint8Array, schema: JsonSchema | undefined, path = "value"): unknown {
  const raw = decode(bytes, { useBigInt64: true });
  return shape(raw, schema, schema, path);
}

function shape(
  value: unknown,
  node: JsonSchema | undefined,
  root: JsonSchema | undefined,
  path: string,
): unknown {
  const schema = node === undefined || root === undefined ? undefined : resolveReference(node, root);
  if (schema !== undefined && root !== undefined) {
    const alternatives = schema.anyOf ?? schema.oneOf;
    if (alternatives !== undefined) {
      const chosen = alternatives.find((variant) => matchesSchema(value, variant, root));
      return shape(value, chosen, root, path);
    }
  }
  if (typeof value === "bigint") {
    if (schema?.[JS_TYPE] === "bigint") return value;
    return safeNumber(value, path);
  }
  if (typeof value === "number" && schema?.[JS_TYPE] === "bigint") return BigInt(value);
  if (typeof value === "string" && schema?.[JS_TYPE] === "Date") return new Date(value);
  if (Array.isArray(value)) {
    const places = schema?.prefixItems ?? [];
    const rest =
      typeof schema?.items === "object" && !Array.isArray(schema.items)
        ? (schema.items as JsonSchema)
        : undefined;
    return value.map((item, index) => shape(item, places[index] ?? rest, root, `${path}[${index}]`));
  }
  if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    const properties = schema?.properties ?? {};
    const rest = typeof schema?.additionalProperties === "object" ? schema.additionalProperties : undefined;
    return Object.fromEntries(
      Object.entries(value).map(([key, entry]) => [
        key,
        shape(entry, ownValue(properties, key) ?? rest, root, `${path}.${key}`),
      ]),
    );
  }
  return value;
}

/** A number for an integer that fits one exactly; otherwise throws. */
export function safeNumber(value: bigint, path: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) {
    throw new ValueError(`${path}: ${value} is beyond 2^53 and would be rounded; declare it as a bigint`);
  }
  return number;
}

/** Grows a buffer; one method per msgpack type, always in the shortest form, as Python's encoder does. */
export class Writer {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  nil(): void {
    this.#byte(0xc0);
  }

  boolean(value: boolean): void {
    this.#byte(value ? 0xc3 : 0xc2);
  }

  float(value: number): void {
    this.#byte(0xcb);
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value);
    this.#length += 8;
  }

  integer(value: bigint, path: string): void {
    if (value >= 0n) {
      if (value < 0x80n) return this.#byte(Number(value));
      if (value <= 0xffn) return this.#sized(0xcc, 1, value);
      if (value <= 0xffffn) return this.#sized(0xcd, 2, value);
      if (value <= 0xffffffffn) return this.#sized(0xce, 4, value);
      if (value <= 0xffffffffffffffffn) return this.#sized(0xcf, 8, value);
    } else {
      if (value >= -32n) return this.#byte(Number(value) & 0xff);
      if (value >= -0x80n) return this.#sized(0xd0, 1, value);
      if (value >= -0x8000n) return this.#sized(0xd1, 2, value);
      if (value >= -0x80000000n) return this.#sized(0xd2, 4, value);
      if (value >= -0x8000000000000000n) return this.#sized(0xd3, 8, value);
    }
    throw new ValueError(`${path}: ${value} does not fit 64 bits`);
  }

  string(value: string): void {
    const text = Buffer.from(value, "utf8");
    if (text.length < 32) this.#byte(0xa0 | text.length);
    else this.#header(text.length, 0xd9, 0xda, 0xdb);
    this.raw(text);
  }

  binary(value: Uint8Array): void {
    this.#header(value.length, 0xc4, 0xc5, 0xc6);
    this.raw(value);
  }

  arrayHeader(length: number): void {
    if (length < 16) this.#byte(0x90 | length);
    else this.#header(length, undefined, 0xdc, 0xdd);
  }

  mapHeader(length: number): void {
    if (length < 16) this.#byte(0x80 | length);
    else this.#header(length, undefined, 0xde, 0xdf);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #header(length: number, eight: number | undefined, sixteen: number, thirtyTwo: number): void {
    if (eight !== undefined && length <= 0xff) return this.#sized(eight, 1, BigInt(length));
    if (length <= 0xffff) return this.#sized(sixteen, 2, BigInt(length));
    this.#sized(thirtyTwo, 4, BigInt(length));
  }

  #sized(prefix: number, size: 1 | 2 | 4 | 8, value: bigint): void {
    this.#byte(prefix);
    this.#reserve(size);
    const unsigned = BigInt.asUintN(size * 8, value);
    for (let index = 0; index < size; index++) {
      this.#bytes[this.#length + index] = Number((unsigned >> BigInt(8 * (size - 1 - index))) & 0xffn);
    }
    this.#length += size;
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + extra));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
