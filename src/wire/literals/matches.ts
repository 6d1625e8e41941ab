/**
 * A shallow-enough test of whether a value fits a JSON Schema, used only to pick the member of a
 * union. It is not validation: the author's own schema has done that.
 */
import { ownValue } from "../../domain/own-value.ts";
import { JS_TYPE, resolveReference, type JsonSchema } from "./json-schema.ts";

export function matchesSchema(value: unknown, node: JsonSchema, root: JsonSchema): boolean {
  const schema = resolveReference(node, root);
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) return alternatives.some((variant) => matchesSchema(value, variant, root));
  if (schema.const !== undefined) return value === schema.const;
  if (schema.enum !== undefined) return schema.enum.includes(value);
  if (schema[JS_TYPE] === "Date") return value instanceof Date || typeof value === "string";
  const types = typeof schema.type === "string" ? [schema.type] : schema.type;
  return types === undefined || types.some((type) => matchesType(value, type, schema, root));
}

function matchesType(value: unknown, type: string, schema: JsonSchema, root: JsonSchema): boolean {
  switch (type) {
    case "null":
      return value === null || value === undefined;
    case "boolean":
    case "string":
      return typeof value === type;
    case "number":
      return typeof value === "number";
    case "integer":
      return typeof value === "bigint" || Number.isInteger(value);
    case "array": {
      if (!Array.isArray(value)) return false;
      const items = schema.items;
      if (typeof items !== "object" || Array.isArray(items)) return true;
      return value.every((item) => matchesSchema(item, items as JsonSchema, root));
    }
    case "object":
      return (
        typeof value === "object" &&
        value !== null &&
        !Array.isArray(value) &&
        matchesObject(value, schema, root)
      );
    default:
      return true;
  }
}

/** A property of an object, or of its class; not one that every object has, such as `constructor`. */
export function propertyOf(record: Readonly<Record<string, unknown>>, key: string): unknown {
  return key in Object.prototype ? ownValue(record, key) : record[key];
}

function matchesObject(value: object, schema: JsonSchema, root: JsonSchema): boolean {
  const record = value as Record<string, unknown>;
  if ((schema.required ?? []).some((key) => propertyOf(record, key) === undefined)) return false;
  const properties = schema.properties ?? {};
  for (const [key, entry] of Object.entries(record)) {
    const property = ownValue(properties, key);
    if (property !== undefined) {
      if (entry !== undefined && !matchesSchema(entry, property, root)) return false;
    } else if (schema.additionalProperties === false) {
      return false;
    }
  }
  return true;
}
