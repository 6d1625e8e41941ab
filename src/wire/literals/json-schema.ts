/** The part of JSON Schema (draft 2020-12) that the mapping to Flyte types reads. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly items?: JsonSchema | boolean | readonly JsonSchema[];
  readonly prefixItems?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  /**
   * Ours: the JavaScript class behind a value whose JSON form is a string or a number. Without it
   * a date-time is an ISO 8601 string and an integer is a number.
   */
  readonly [JS_TYPE]?: JsType | undefined;
}

export const JS_TYPE = "x-js-type";
export type JsType = "Date" | "bigint" | "File" | "Dir";

/** Follows `$ref` within the same document (`#`, `#/$defs/Name`); a schema without one is returned as it is. */
export function resolveReference(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let current = schema;
  // A chain of references longer than this is a loop.
  for (let hops = 0; current.$ref !== undefined; hops++) {
    const reference = current.$ref;
    if (hops > 32 || !reference.startsWith("#")) throw new SchemaNotSupportedError(`$ref ${reference}`);
    let target: unknown = root;
    for (const step of reference.slice(1).split("/").filter(Boolean)) {
      const key = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
      target = (target as Record<string, unknown> | undefined)?.[key];
    }
    if (typeof target !== "object" || target === null) throw new SchemaNotSupportedError(`$ref ${reference}`);
    current = target as JsonSchema;
  }
  return current;
}

/** A schema, or a part of one, has no Flyte type. The message names the part. */
export class SchemaNotSupportedError extends Error {
  override readonly name = "SchemaNotSupportedError";
}
