/** One place of a JSON Schema, in the form in which it is compared, checked and described. */
import { JS_TYPE, resolveReference, type JsonSchema } from "./json-schema.ts";

export interface SchemaNode {
  readonly schema: JsonSchema;
  /** References of the schema are resolved in it. */
  readonly root: JsonSchema;
}

export function rootNode(schema: JsonSchema): SchemaNode {
  return { schema, root: schema };
}

/** What the place may be: the members of a union, each without references. One that may be anything has no type. */
export function alternativesOf({ schema, root }: SchemaNode): readonly SchemaNode[] {
  const resolved = withParts(resolveReference(schema, root), root);
  const variants = resolved.anyOf ?? resolved.oneOf;
  if (variants !== undefined) return variants.flatMap((variant) => alternativesOf({ schema: variant, root }));
  if (!Array.isArray(resolved.type)) return [{ schema: resolved, root }];
  return (resolved.type as string[]).map((type) => ({ schema: { ...resolved, type }, root }));
}

/** The parts of an `allOf` in one. */
function withParts(schema: JsonSchema, root: JsonSchema): JsonSchema {
  if (schema.allOf === undefined) return schema;
  const { allOf, ...rest } = schema;
  const parts = [...allOf.map((part) => withParts(resolveReference(part, root), root)), rest];
  return {
    ...(Object.assign({}, ...parts) as JsonSchema),
    properties: Object.assign({}, ...parts.map((part) => part.properties ?? {})) as Record<
      string,
      JsonSchema
    >,
    required: parts.flatMap((part) => part.required ?? []),
  };
}

export function isAnything({ schema }: SchemaNode): boolean {
  return (
    schema.type === undefined &&
    schema.properties === undefined &&
    schema.enum === undefined &&
    schema.const === undefined &&
    schema[JS_TYPE] === undefined
  );
}

/** The values of an enumeration or of a constant; undefined for other schemas. */
export function valuesOf({ schema }: SchemaNode): readonly unknown[] | undefined {
  return schema.const === undefined ? schema.enum : [schema.const];
}

/** The type; that of an object may be left out. */
export function typeOf({ schema }: SchemaNode): string | undefined {
  return typeof schema.type === "string"
    ? schema.type
    : schema.properties === undefined
      ? undefined
      : "object";
}

/** Undefined for what an array may hold at a position that its schema says nothing about. */
export function itemOf({ schema, root }: SchemaNode, position: number): SchemaNode | undefined {
  const { items, prefixItems } = schema;
  const places = prefixItems ?? (Array.isArray(items) ? (items as readonly JsonSchema[]) : []);
  const rest = typeof items === "object" && !Array.isArray(items) ? (items as JsonSchema) : undefined;
  const item = places[position] ?? rest;
  return item === undefined ? undefined : { schema: item, root };
}

/** The number of positions that have schemas of their own, as those of a tuple. */
export function placesOf({ schema: { items, prefixItems } }: SchemaNode): number {
  return (prefixItems ?? (Array.isArray(items) ? items : [])).length;
}

/** Undefined for fields that have no schema, whether they are allowed or not. */
export function fieldOf({ schema, root }: SchemaNode, name: string): SchemaNode | undefined {
  const { properties = {}, additionalProperties } = schema;
  if (Object.hasOwn(properties, name)) return { schema: properties[name] ?? {}, root };
  return typeof additionalProperties === "object" ? { schema: additionalProperties, root } : undefined;
}

const FORMATS = new Set(["date-time", "date", "time", "duration"]);

/** The form of a text that is a point in time or a duration; undefined for other texts. */
export function timeFormatOf({ schema: { type, format } }: SchemaNode): string | undefined {
  return type === "string" && format !== undefined && FORMATS.has(format) ? format : undefined;
}

/** For messages: `integer`, `string (date-time)`, `list of Point`, `"a" or "b"`, `string or null`. */
export function describeNode(node: SchemaNode, depth = 0): string {
  // A schema may refer to itself.
  if (depth === MAX_DEPTH) return "…";
  const texts = alternativesOf(node).map((alternative) => describeAlternative(alternative, depth + 1));
  return [...new Set(texts)].join(" or ");
}

const MAX_DEPTH = 4;

function describeAlternative(node: SchemaNode, depth: number): string {
  const { schema, root } = node;
  const values = valuesOf(node);
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(" or ");
  switch (typeOf(node)) {
    case undefined:
      return "anything";
    case "string": {
      const format = timeFormatOf(node);
      return format === undefined ? "string" : `string (${format})`;
    }
    case "array": {
      const places = placesOf(node);
      const items = Array.from({ length: places }, (_, position) => itemOf(node, position));
      if (places > 0)
        return `[${items.map((item) => (item === undefined ? "" : describeNode(item, depth))).join(", ")}]`;
      const item = itemOf(node, 0);
      return item === undefined ? "list" : `list of ${describeNode(item, depth)}`;
    }
    case "object": {
      if (schema.title !== undefined) return schema.title;
      const { properties, additionalProperties: rest } = schema;
      return properties === undefined && typeof rest === "object"
        ? `map of ${describeNode({ schema: rest, root }, depth)}`
        : "object";
    }
    case "integer":
    case "number":
    default:
      return String(schema.type);
  }
}
