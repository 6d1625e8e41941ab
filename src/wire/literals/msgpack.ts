/**
 * Objects as msgpack, the form in which Flyte carries them.
 *
 * The encoder is our own because it must follow the schema: a field declared as a number is written
 * as a float even when its value is whole, and one declared as an integer is never a float. Python
 * writes the same bytes for the same object, which is what makes hashes of inputs agree.
 */
import { types } from "node:util";
import { decode } from "@msgpack/msgpack";
import { ownValue } from "../../domain/own-value.ts";
import { describeValue, ValueError } from "./errors.ts";
import { JS_TYPE, resolveReference, type JsonSchema } from "./json-schema.ts";
import { lossOfArray, lossOfObject } from "./lossless.ts";
import { matchesSchema, propertyOf } from "./matches.ts";
import { Writer } from "./msgpack-writer.ts";

/** Encodes a value by its schema; where the schema is silent, whole numbers are integers. Throws ValueError by path. */
export function encodeMsgpack(
  value: unknown,
  schema: JsonSchema | undefined,
  path = "value",
): Uint8Array<ArrayBuffer> {
  const encoder = new Encoder(schema);
  encoder.write(value, schema, path);
  return encoder.writer.finish();
}

class Encoder {
  readonly writer = new Writer();
  readonly #root: JsonSchema | undefined;
  /** The objects that contain the present one. */
  readonly #around = new Set<object>();

  constructor(root: JsonSchema | undefined) {
    this.#root = root;
  }

  write(value: unknown, node: JsonSchema | undefined, path: string): void {
    const { writer } = this;
    const root = this.#root;
    const schema = node === undefined || root === undefined ? undefined : resolveReference(node, root);
    if (schema !== undefined && root !== undefined) {
      const alternatives = schema.anyOf ?? schema.oneOf;
      if (alternatives !== undefined) {
        const chosen = alternatives.find((variant) => matchesSchema(value, variant, root));
        return this.write(value, chosen, path);
      }
      if (Array.isArray(schema.type)) {
        const chosen = (schema.type as string[]).find((type) =>
          matchesSchema(value, { ...schema, type }, root),
        );
        return this.write(value, chosen === undefined ? undefined : { ...schema, type: chosen }, path);
      }
      if (schema.type === "number" && typeof value === "number") return writer.float(value);
      if (schema.type === "integer") {
        if (typeof value === "number" && !Number.isInteger(value))
          throw new ValueError(`${path}: expected integer, got ${value}`);
        if (typeof value === "number" && !Number.isSafeInteger(value)) {
          throw new ValueError(
            `${path}: ${value} is not an integer that a number holds exactly; use a bigint`,
          );
        }
        if (typeof value === "number" || typeof value === "bigint")
          return writer.integer(BigInt(value), path);
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
        throw new ValueError(
          `${path}: a bigint would arrive as a number; declare it with z.bigint() or flyte.int64()`,
        );
      case "number":
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) return writer.integer(BigInt(value), path);
        return writer.float(value);
      case "object":
        return value === null ? writer.nil() : this.#object(value, schema, path);
      default:
        throw new ValueError(`${path}: ${describeValue(value)} cannot be carried to another container`);
    }
  }

  #object(value: object, schema: JsonSchema | undefined, path: string): void {
    const { writer } = this;
    if (value instanceof Uint8Array) return writer.binary(value);
    if (types.isDate(value)) {
      if (schema?.type !== "string") {
        throw new ValueError(
          `${path}: a Date would arrive as a string; declare it with z.date() or flyte.datetime(), or pass its toISOString()`,
        );
      }
      return writer.string(value.toISOString());
    }
    if (this.#around.has(value)) throw new ValueError(`${path}: it contains itself`);
    this.#around.add(value);
    if (Array.isArray(value)) this.#array(value, schema, path);
    else this.#record(value, schema, path);
    this.#around.delete(value);
  }

  #array(value: readonly unknown[], schema: JsonSchema | undefined, path: string): void {
    const isTyped = schema?.items !== undefined || schema?.prefixItems !== undefined;
    const problem = isTyped ? undefined : lossOfArray(value);
    if (problem !== undefined) throw new ValueError(`${path}${problem}`);
    this.writer.arrayHeader(value.length);
    const places =
      schema?.prefixItems ?? (Array.isArray(schema?.items) ? (schema.items as JsonSchema[]) : []);
    const rest = Array.isArray(schema?.items)
      ? undefined
      : (schema?.items as JsonSchema | boolean | undefined);
    value.forEach((item, index) => {
      const itemSchema = places[index] ?? (typeof rest === "object" ? rest : undefined);
      const itemPath = `${path}[${index}]`;
      if (item === undefined && !this.#acceptsNull(itemSchema))
        throw new ValueError(`${itemPath}: undefined would arrive as null; pass null, or leave it out`);
      this.write(item, itemSchema, itemPath);
    });
  }

  #acceptsNull(schema: JsonSchema | undefined): boolean {
    if (schema === undefined || this.#root === undefined || Object.keys(schema).length === 0) return false;
    return matchesSchema(null, schema, this.#root);
  }

  #record(value: object, schema: JsonSchema | undefined, path: string): void {
    const { writer } = this;
    const problem = schema?.properties === undefined ? lossOfObject(value) : undefined;
    if (problem !== undefined) throw new ValueError(`${path}: ${problem}`);
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
      // No reader of msgpack accepts it.
      if (key === "__proto__") throw new ValueError(`${path}: an object cannot have the key __proto__`);
      writer.string(key);
      this.write(record[key], ownValue(properties, key) ?? rest, `${path}.${key}`);
    }
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
  if (Number.isInteger(value) && schema?.[JS_TYPE] === "bigint") return BigInt(value as number);
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
