/**
 * The types that values have on the wire, compiled once from JSON Schema (or read from a deployed
 * interface). Encoding and decoding follow this, never the value: 1 is an integer or a float
 * because its schema says so.
 */
import { JS_TYPE, resolveReference, SchemaNotSupportedError, type JsonSchema } from "./json-schema.ts";

export type WireType =
  | { readonly kind: "none" }
  | { readonly kind: "string" }
  /** As bigint, or as a number that must be safe. */
  | { readonly kind: "integer"; readonly bigint: boolean }
  | { readonly kind: "float" }
  | { readonly kind: "boolean" }
  /** As a Date, or as an ISO 8601 string. `date` has no time of day. */
  | { readonly kind: "datetime"; readonly asDate: boolean; readonly date: boolean }
  /** An ISO 8601 duration such as PT1M30S. */
  | { readonly kind: "duration" }
  | { readonly kind: "enum"; readonly values: readonly string[] }
  | { readonly kind: "list"; readonly items: WireType }
  | { readonly kind: "map"; readonly values: WireType }
  /** An object, carried as msgpack. Without a schema it is any JSON value. */
  | { readonly kind: "struct"; readonly schema: JsonSchema | undefined }
  | { readonly kind: "union"; readonly variants: readonly WireType[] }
  | { readonly kind: "blob"; readonly multipart: boolean; readonly format: string };

/** Compiles the JSON Schema of one input or output. `name` titles objects that have no title of their own. */
export function compileWireType(schema: JsonSchema, name: string): WireType {
  return compile(schema, schema, name);
}

function compile(node: JsonSchema, root: JsonSchema, name: string): WireType {
  const schema = resolveReference(node, root);
  const marker = schema[JS_TYPE];
  if (marker === "File" || marker === "Dir") {
    return { kind: "blob", multipart: marker === "Dir", format: schema.format ?? "" };
  }
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return unionOf(alternatives.map((variant) => compile(variant, root, name)));
  if (schema.allOf?.length === 1 && schema.allOf[0] !== undefined)
    return compile(schema.allOf[0], root, name);
  if (schema.allOf !== undefined) return structOf(schema, root, name);
  if (schema.const !== undefined) return fromValues([schema.const], name);
  if (schema.enum !== undefined) return fromValues(schema.enum, name);
  if (Array.isArray(schema.type)) {
    return unionOf((schema.type as string[]).map((type) => compile({ ...schema, type }, root, name)));
  }
  switch (schema.type) {
    case "null":
      return { kind: "none" };
    case "boolean":
      return { kind: "boolean" };
    case "integer":
      return { kind: "integer", bigint: marker === "bigint" };
    case "number":
      return { kind: "float" };
    case "string":
      return fromString(schema);
    case "array":
      return { kind: "list", items: itemsOf(schema, root, name) };
    case "object":
      return fromObject(schema, root, name);
    case undefined:
      if (schema.properties !== undefined) return structOf(schema, root, name);
      return { kind: "struct", schema: undefined };
    default:
      throw new SchemaNotSupportedError(`${name}: type ${JSON.stringify(schema.type)} has no Flyte type`);
  }
}

function fromString(schema: JsonSchema): WireType {
  switch (schema.format) {
    case "date-time":
      return { kind: "datetime", asDate: schema[JS_TYPE] === "Date", date: false };
    case "date":
      return { kind: "datetime", asDate: false, date: true };
    case "duration":
      return { kind: "duration" };
    default:
      return { kind: "string" };
  }
}

function fromValues(values: readonly unknown[], name: string): WireType {
  if (values.every((value) => typeof value === "string")) return { kind: "enum", values };
  const kinds = values.map((value): WireType => {
    if (value === null) return { kind: "none" };
    if (typeof value === "boolean") return { kind: "boolean" };
    if (typeof value === "number") {
      return Number.isInteger(value) ? { kind: "integer", bigint: false } : { kind: "float" };
    }
    if (typeof value === "string") {
      return { kind: "enum", values: values.filter((entry) => typeof entry === "string") };
    }
    throw new SchemaNotSupportedError(`${name}: the constant ${JSON.stringify(value)} has no Flyte type`);
  });
  // 1 and 1.5 together are floats, not a choice between two number types.
  const numbers = kinds.some((kind) => kind.kind === "float");
  return unionOf(kinds.map((kind) => (numbers && kind.kind === "integer" ? { kind: "float" } : kind)));
}

function itemsOf(schema: JsonSchema, root: JsonSchema, name: string): WireType {
  // Flyte has no tuples: a tuple travels as a list of whatever its items may be.
  const places =
    schema.prefixItems ?? (Array.isArray(schema.items) ? (schema.items as JsonSchema[]) : undefined);
  const types = (places ?? []).map((place) => compile(place, root, `${name}Item`));
  const rest = Array.isArray(schema.items) ? undefined : (schema.items as JsonSchema | boolean | undefined);
  if (typeof rest === "object") types.push(compile(rest, root, `${name}Item`));
  if (types.length === 0) return { kind: "struct", schema: undefined };
  return unionOf(types);
}

function fromObject(schema: JsonSchema, root: JsonSchema, name: string): WireType {
  const named = Object.keys(schema.properties ?? {}).length > 0;
  const rest = schema.additionalProperties;
  if (named) return structOf(schema, root, name);
  const anything =
    rest === undefined || rest === true || (typeof rest === "object" && Object.keys(rest).length === 0);
  if (typeof rest === "object" && !anything)
    return { kind: "map", values: compile(rest, root, `${name}Value`) };
  // An object that may hold anything is an untyped dictionary; one that may hold nothing has a schema.
  return rest === false ? structOf(schema, root, name) : { kind: "struct", schema: undefined };
}

function structOf(schema: JsonSchema, root: JsonSchema, name: string): WireType {
  const definitions = root.$defs ?? schema.$defs;
  const whole = definitions === undefined || schema === root ? schema : { ...schema, $defs: definitions };
  const { $schema: _, ...document } = titled(whole, pascalCase(name)) as JsonSchema & { $schema?: string };
  return { kind: "struct", schema: document };
}

/** Readers of the type (the console, the Python SDK) make a class of every object and want its name. */
function titled(schema: JsonSchema, title: string): JsonSchema {
  const properties = schema.properties;
  const definitions = schema.$defs;
  return {
    ...schema,
    ...(schema.type === "object" || properties !== undefined ? { title: schema.title ?? title } : {}),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([key, value]) => [
              key,
              titledPart(value, title + pascalCase(key)),
            ]),
          ),
        }),
    ...(definitions === undefined
      ? {}
      : {
          $defs: Object.fromEntries(
            Object.entries(definitions).map(([key, value]) => [key, titledPart(value, pascalCase(key))]),
          ),
        }),
  };
}

function titledPart(schema: JsonSchema, title: string): JsonSchema {
  if (typeof schema !== "object" || schema === null) return schema;
  const items = schema.items;
  if (Array.isArray(schema.type)) {
    // `type: [a, b]` is read as `a` alone by some; the longer form says the same and is understood.
    const { type, ...rest } = schema;
    return { ...rest, anyOf: (type as string[]).map((one) => ({ type: one })) };
  }
  return {
    ...titled(schema, title),
    ...(typeof items === "object" && !Array.isArray(items)
      ? { items: titledPart(items as JsonSchema, `${title}Item`) }
      : {}),
    ...(schema.anyOf
      ? { anyOf: schema.anyOf.map((part, index) => titledPart(part, `${title}${index || ""}`)) }
      : {}),
    ...(schema.oneOf
      ? { oneOf: schema.oneOf.map((part, index) => titledPart(part, `${title}${index || ""}`)) }
      : {}),
  };
}

function pascalCase(name: string): string {
  return name
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}

/** A union of the given types: flat, without repetitions, and the type itself if there is only one. */
export function unionOf(types: readonly WireType[]): WireType {
  const flat = types.flatMap((type) => (type.kind === "union" ? type.variants : [type]));
  const seen = new Map(flat.map((type) => [JSON.stringify(type), type]));
  const variants = [...seen.values()];
  const [only] = variants;
  return variants.length === 1 && only !== undefined ? only : { kind: "union", variants };
}
