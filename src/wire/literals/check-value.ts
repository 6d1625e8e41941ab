/**
 * Whether a value fits a type that only the server knows: the interface of a deployed task has no validator of its own,
 * only types and JSON Schemas.
 */
import { types } from "node:util";
import { describeValue, ValueError } from "./errors.ts";
import type { JsonSchema } from "./json-schema.ts";
import { propertyOf } from "./matches.ts";
import { matchesWireType } from "./matches-wire.ts";
import {
  alternativesOf,
  describeNode,
  fieldOf,
  isAnything,
  itemOf,
  placesOf,
  rootNode,
  timeFormatOf,
  typeOf,
  valuesOf,
  type SchemaNode,
} from "./schema-node.ts";
import type { WireType } from "./wire-type.ts";

/** Throws ValueError, naming the place, what the type has there and what the value has. */
export function checkValue(value: unknown, type: WireType, path: string): void {
  const problem = problemWith(value, type, path);
  if (problem !== undefined) throw new ValueError(problem);
}

/** Only of what objects hold: whether a text is a text is found where it is encoded or decoded. */
function problemWith(value: unknown, type: WireType, path: string): string | undefined {
  switch (type.kind) {
    case "list":
      if (!Array.isArray(value)) return undefined;
      return firstOf(value.keys(), (index) => problemWith(value[index], type.items, `${path}[${index}]`));
    case "map":
      if (!isRecord(value)) return undefined;
      return firstOf(Object.keys(value), (key) => problemWith(value[key], type.values, `${path}.${key}`));
    case "union": {
      const taken = type.variants.filter((variant) => matchesWireType(value, variant));
      const candidates = taken.length > 0 ? taken : type.variants.filter(({ kind }) => kind === "struct");
      const problems = candidates.map((variant) => problemWith(value, variant, path));
      return problems.includes(undefined) ? undefined : problems[0];
    }
    case "struct":
      return type.schema === undefined ? undefined : problemOf(value, rootNode(type.schema), path);
    default:
      return undefined;
  }
}

export function fitsSchema(value: unknown, schema: JsonSchema): boolean {
  return problemOf(value, rootNode(schema), "") === undefined;
}

function problemOf(value: unknown, node: SchemaNode, path: string): string | undefined {
  const problems: string[] = [];
  for (const alternative of alternativesOf(node)) {
    const problem = problemOfOne(value, alternative, path);
    if (problem === undefined) return undefined;
    problems.push(problem);
  }
  const inside = problems.filter((problem) => !problem.startsWith(`${path}: `));
  return inside.length === 1 ? inside[0] : mismatch(value, node, path);
}

/** For a schema that is no union. */
function problemOfOne(value: unknown, node: SchemaNode, path: string): string | undefined {
  if (isAnything(node)) return undefined;
  const values = valuesOf(node);
  if (values !== undefined) return values.includes(value) ? undefined : mismatch(value, node, path);
  const type = typeOf(node);
  if (type === "array" && Array.isArray(value)) return problemOfArray(value, node, path);
  if (type === "object" && isRecord(value)) return problemOfObject(value, node, path);
  return isOfType(value, type, node) ? undefined : mismatch(value, node, path);
}

function isOfType(value: unknown, type: string | undefined, node: SchemaNode): boolean {
  switch (type) {
    case "null":
      return value === null || value === undefined;
    case "integer":
      return typeof value === "bigint" || Number.isInteger(value);
    case "number":
      return typeof value === "number";
    case "string": {
      const format = timeFormatOf(node);
      if (format === undefined) return typeof value === "string" || value instanceof Uint8Array;
      if (types.isDate(value)) return format.startsWith("date") && !Number.isNaN(value.getTime());
      return typeof value === "string" && (!format.startsWith("date") || !Number.isNaN(Date.parse(value)));
    }
    case "boolean":
      return typeof value === "boolean";
    default:
      // A type that JSON Schema does not have says nothing.
      return type !== "array" && type !== "object";
  }
}

function problemOfArray(value: readonly unknown[], node: SchemaNode, path: string): string | undefined {
  const places = placesOf(node);
  if (value.length < places) return `${path}: expected ${describeNode(node)}, got ${describeValue(value)}`;
  return firstOf(value.keys(), (position) => {
    const item = itemOf(node, position);
    return item === undefined ? undefined : problemOf(value[position], item, `${path}[${position}]`);
  });
}

function problemOfObject(
  value: Readonly<Record<string, unknown>>,
  node: SchemaNode,
  path: string,
): string | undefined {
  const { properties = {}, required = [], additionalProperties } = node.schema;
  const missing = required.find((name) => propertyOf(value, name) === undefined);
  if (missing !== undefined) {
    const field = fieldOf(node, missing);
    return `${path}.${missing}: expected ${field === undefined ? "a value" : describeNode(field)}, got nothing`;
  }
  const given = Object.keys(value).filter((name) => value[name] !== undefined);
  const unknown = given.find((name) => !Object.hasOwn(properties, name));
  if (unknown !== undefined && additionalProperties === false) {
    const known = Object.keys(properties).join(", ") || "none";
    return `${path}.${unknown}: there is no such field; the fields are ${known}`;
  }
  return firstOf(new Set([...Object.keys(properties), ...given]), (name) => {
    const field = fieldOf(node, name);
    const entry = propertyOf(value, name);
    return field === undefined || entry === undefined
      ? undefined
      : problemOf(entry, field, `${path}.${name}`);
  });
}

function firstOf<T>(items: Iterable<T>, problem: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = problem(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !types.isDate(value);
}

function mismatch(value: unknown, node: SchemaNode, path: string): string {
  return `${path}: expected ${describeNode(node)}, got ${describeValue(value)}`;
}
