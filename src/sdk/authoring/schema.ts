/** The schemas that declare inputs and outputs, and those that Boxkite adds to them. */
import type { StandardJSONSchemaV1, StandardSchemaV1, StandardTypedV1 } from "@standard-schema/spec";
import { JS_TYPE, type JsonSchema } from "../../wire/literals/json-schema.ts";

/**
 * Any schema that validates (Standard Schema) and can say its JSON Schema (Standard JSON Schema):
 * zod 4.2 and later and ArkType 2.2 as they are; Valibot through `toStandardJsonSchema()` of
 * `@valibot/to-json-schema`.
 */
export interface Schema<Input = unknown, Output = Input> {
  readonly "~standard": StandardSchemaV1.Props<Input, Output> & StandardJSONSchemaV1.Props<Input, Output>;
}

/** What a caller passes for this schema. */
export type InferInput<S> = S extends StandardTypedV1 ? StandardTypedV1.InferInput<S> : never;
/** What the function gets for this schema. */
export type InferOutput<S> = S extends StandardTypedV1 ? StandardTypedV1.InferOutput<S> : never;

/** Schemas by the names of inputs or outputs. */
export type Schemas = Readonly<Record<string, Schema>>;

type OptionalKeys<S extends Schemas> = {
  [K in keyof S]: undefined extends InferInput<S[K]> ? K : never;
}[keyof S];

/** Written out, so that editors and declaration files show its members. */
type Flatten<T> = { [K in keyof T]: T[K] };

/** The argument a caller passes: inputs that accept `undefined`, by default or as optional, may be left out. */
export type InputsOf<S extends Schemas> = Flatten<
  { -readonly [K in Exclude<keyof S, OptionalKeys<S>>]: InferInput<S[K]> } & {
    -readonly [K in OptionalKeys<S>]?: InferInput<S[K]>;
  }
>;

/** The argument the function gets: defaults filled in, transforms applied. */
export type ParsedInputsOf<S extends Schemas> = { -readonly [K in keyof S]: InferOutput<S[K]> };

/** What the function returns for named outputs, before validation. */
export type ReturnedOutputsOf<S extends Schemas> = Flatten<{ -readonly [K in keyof S]: InferInput<S[K]> }>;
/** What callers get for named outputs. */
export type OutputsOf<S extends Schemas> = Flatten<{ -readonly [K in keyof S]: InferOutput<S[K]> }>;

/** Makes a schema from a check and its JSON Schema. */
function defineSchema<T>(jsonSchema: JsonSchema, check: (value: unknown) => string | undefined): Schema<T> {
  return {
    "~standard": {
      version: 1,
      vendor: "boxkite",
      validate: (value) => {
        const problem = check(value);
        return problem === undefined ? { value: value as T } : { issues: [{ message: problem }] };
      },
      jsonSchema: {
        input: () => jsonSchema as Record<string, unknown>,
        output: () => jsonSchema as Record<string, unknown>,
      },
    },
  };
}

/** A 64-bit integer as a bigint, for values beyond 2^53, where a number would be rounded. */
export function int64(): Schema<bigint> {
  return defineSchema<bigint>({ type: "integer", format: "int64", [JS_TYPE]: "bigint" }, (value) =>
    typeof value === "bigint" && BigInt.asIntN(64, value) === value
      ? undefined
      : "expected a bigint of 64 bits",
  );
}

/** A point in time as a Date, to the millisecond. On the wire it is a Flyte DATETIME. */
export function datetime(): Schema<Date> {
  return defineSchema<Date>({ type: "string", format: "date-time", [JS_TYPE]: "Date" }, (value) =>
    value instanceof Date && !Number.isNaN(value.getTime()) ? undefined : "expected a valid Date",
  );
}

/** Any JSON value, unchecked. Prefer a schema: callers and the console see its type. */
export function json<T = unknown>(): Schema<T> {
  return defineSchema<T>({}, () => undefined);
}

/** A list whose items are of the given schema, for items that a schema library does not know, such as File. */
export function list<I, O>(items: Schema<I, O>): Schema<I[], O[]> {
  const jsonSchema = (
    side: "input" | "output",
    options: StandardJSONSchemaV1.Options,
  ): Record<string, unknown> => ({
    type: "array",
    items: items["~standard"].jsonSchema[side](options),
  });
  return {
    "~standard": {
      version: 1,
      vendor: "boxkite",
      validate: async (value) => {
        if (!Array.isArray(value)) return { issues: [{ message: "expected an array" }] };
        const results = await Promise.all(value.map(async (item) => items["~standard"].validate(item)));
        const issues = results.flatMap((result, index) =>
          (result.issues ?? []).map((issue) => ({ ...issue, path: [index, ...(issue.path ?? [])] })),
        );
        if (issues.length > 0) return { issues };
        return { value: results.flatMap((result) => (result.issues ? [] : [result.value])) };
      },
      jsonSchema: {
        input: (options) => jsonSchema("input", options),
        output: (options) => jsonSchema("output", options),
      },
    },
  };
}

/**
 * The JSON Schema of one side of a schema. Dates and bigints, which JSON lacks, are declared to the
 * libraries that let us: `z.date()` becomes a DATETIME, `z.bigint()` an INTEGER.
 */
export function jsonSchemaOf(schema: Schema, side: "input" | "output"): JsonSchema {
  const standard = schema["~standard"];
  if (standard?.jsonSchema === undefined) {
    const vendor = standard?.vendor ?? "this value";
    throw new TypeError(
      vendor === "valibot"
        ? "a Valibot schema needs toStandardJsonSchema() of @valibot/to-json-schema around it"
        : `${vendor} does not offer Standard JSON Schema; use zod 4.2+, ArkType 2.2+, or an adapter`,
    );
  }
  const libraryOptions =
    standard.vendor === "zod" ? zodOptions : standard.vendor === "arktype" ? arkOptions : undefined;
  return standard.jsonSchema[side]({
    target: "draft-2020-12",
    ...(libraryOptions === undefined ? {} : { libraryOptions }),
  }) as JsonSchema;
}

interface ZodOverrideContext {
  readonly zodSchema: { readonly _zod?: { readonly def?: { readonly type?: string } } };
  readonly jsonSchema: Record<string, unknown>;
}

const UNREPRESENTABLE = new Set([
  "custom",
  "function",
  "map",
  "nan",
  "set",
  "symbol",
  "transform",
  "undefined",
  "void",
]);

const zodOptions = {
  // "any", so that the override below is called; it rejects what it does not know.
  unrepresentable: "any",
  override: ({ zodSchema, jsonSchema }: ZodOverrideContext): void => {
    const type = zodSchema._zod?.def?.type;
    if (type === "date")
      Object.assign(jsonSchema, { type: "string", format: "date-time", [JS_TYPE]: "Date" });
    else if (type === "bigint")
      Object.assign(jsonSchema, { type: "integer", format: "int64", [JS_TYPE]: "bigint" });
    else if (type !== undefined && UNREPRESENTABLE.has(type) && Object.keys(jsonSchema).length === 0) {
      throw new TypeError(`z.${type}() has no form outside this process`);
    }
  },
};

const arkOptions = {
  fallback: {
    date: (context: { readonly base: Record<string, unknown> }) => ({
      ...context.base,
      type: "string",
      format: "date-time",
      [JS_TYPE]: "Date",
    }),
    domain: (context: { readonly domain: string; readonly base: Record<string, unknown> }) => {
      if (context.domain === "bigint") return { type: "integer", format: "int64", [JS_TYPE]: "bigint" };
      throw new TypeError(`${context.domain} has no form outside this process`);
    },
  },
};
