import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { compareTypes, type CompareOptions } from "./compare-types.ts";
import type { JsonSchema } from "./json-schema.ts";
import { compileWireType, type WireType } from "./wire-type.ts";
import { jsonSchemaOf, list, type Schema } from "../../sdk/authoring/schema.ts";
import { Dir, File } from "../../sdk/authoring/file.ts";

function typeOf(schema: Schema): WireType {
  return compileWireType(jsonSchemaOf(schema, "input"), "x");
}

function compared(from: Schema, to: Schema, options?: CompareOptions): string[] {
  return compareTypes(typeOf(from), typeOf(to), options).map((one) => `${one.path}: ${one.from} → ${one.to}`);
}

const point = z.object({ x: z.int(), y: z.number(), name: z.string().optional() });

test("objects are compared in every field", () => {
  assert.deepEqual(compared(point, point), []);
  assert.deepEqual(compared(point, z.object({ x: z.string(), y: z.number() })), [".x: integer → string"]);
  assert.deepEqual(compared(z.object({ x: z.int() }), point), [".y: missing → number"]);
  assert.deepEqual(compared(point, z.object({ name: z.string() })), [
    ".name: optional string → required string",
  ]);
  assert.deepEqual(compared(point, z.object({ name: z.string() }), { writesOptional: true }), []);
  assert.deepEqual(compared(point, z.strictObject({ x: z.int(), y: z.number() })), [
    ".name: string → not there",
  ]);
  assert.deepEqual(
    compared(z.object({ p: z.object({ at: z.date() }) }), z.object({ p: z.object({ at: z.int() }) })),
    [".p.at: string (date-time) → integer"],
  );
});

test("inside lists, tuples, maps, unions and what may be null", () => {
  const wrapped = (inner: Schema): Schema => z.object({ v: inner as z.ZodType });
  const cases: readonly (readonly [Schema, Schema, readonly string[]])[] = [
    [z.array(point), z.array(z.object({ x: z.boolean() })), ["[].x: integer → boolean"]],
    [wrapped(z.array(z.int())), wrapped(z.array(z.string())), [".v[]: integer → string"]],
    [
      wrapped(z.tuple([z.int(), z.string()])),
      wrapped(z.tuple([z.int(), z.int()])),
      [".v[1]: string → integer"],
    ],
    [
      z.record(z.string(), point),
      z.record(z.string(), z.object({ x: z.date() })),
      [".*.x: integer → string (date-time)"],
    ],
    [
      wrapped(z.record(z.string(), z.int())),
      wrapped(z.record(z.string(), z.boolean())),
      [".v.*: integer → boolean"],
    ],
    [wrapped(z.int().nullable()), wrapped(z.int()), [".v: integer or null → integer"]],
    [wrapped(z.int()), wrapped(z.int().nullable()), []],
    [point.nullable(), z.object({ x: z.string() }).nullable(), [".x: integer → string"]],
    [
      wrapped(z.union([z.int(), z.string()])),
      wrapped(z.union([z.int(), z.boolean()])),
      [".v: integer or string → integer or boolean"],
    ],
    [wrapped(z.enum(["a", "b"])), wrapped(z.enum(["a", "b", "c"])), []],
    [wrapped(z.enum(["a", "d"])), wrapped(z.enum(["a", "b"])), ['.v: "a" or "d" → "a" or "b"']],
    [wrapped(z.enum(["a"])), wrapped(z.string()), []],
    [wrapped(z.string()), wrapped(z.enum(["a"])), ['.v: string → "a"']],
    [wrapped(z.int()), wrapped(z.number()), []],
    [wrapped(z.number()), wrapped(z.int()), [".v: number → integer"]],
    [wrapped(z.date()), wrapped(z.iso.datetime()), []],
    [wrapped(z.string()), wrapped(z.date()), [".v: string → string (date-time)"]],
    [wrapped(z.iso.duration()), wrapped(z.iso.datetime()), [".v: string (duration) → string (date-time)"]],
    [wrapped(z.iso.duration()), wrapped(z.string()), []],
    [wrapped(z.unknown()), wrapped(z.int()), []],
    [list(File), list(Dir), ["[]: File → Dir"]],
    [z.int(), z.string(), [": integer → string"]],
    [z.string().nullable(), z.string(), [": string or none → string"]],
  ];
  for (const [from, to, expected] of cases) assert.deepEqual(compared(from, to), expected);
});

test("a schema that refers to itself is compared to its end", () => {
  interface Tree {
    readonly value: unknown;
    readonly children: readonly Tree[];
  }
  const tree = (value: Schema): Schema => {
    const schema: z.ZodType<Tree> = z.lazy(() =>
      z.object({ value: value as z.ZodType, children: z.array(schema) }),
    ) as unknown as z.ZodType<Tree>;
    return z.object({ root: schema });
  };
  assert.deepEqual(compared(tree(z.int()), tree(z.int())), []);
  assert.match(compared(tree(z.int()), tree(z.string()))[0] ?? "", /value: integer → string$/);
});

test("what Python's dataclasses and models say of themselves", () => {
  // As mashumaro and pydantic write them.
  const dataclass: JsonSchema = {
    type: "object",
    title: "D",
    additionalProperties: false,
    required: ["a", "when"],
    properties: {
      a: { type: "integer" },
      when: { type: "string", format: "date-time" },
      opt: { default: null, anyOf: [{ type: "string" }, { type: "null" }] },
      tags: { type: "array", items: { type: "string" } },
      inner: { $ref: "#/$defs/Inner" },
    },
    $defs: { Inner: { type: "object", properties: { n: { type: "integer", default: 3 } } } },
  };
  const python: WireType = { kind: "struct", schema: dataclass };
  const declared = z.object({
    a: z.int(),
    when: z.date(),
    opt: z.string().nullable(),
    tags: z.array(z.string()),
    inner: z.object({ n: z.int() }),
  });
  assert.deepEqual(compareTypes(python, typeOf(declared), { writesOptional: true }), []);
  assert.deepEqual(compareTypes(typeOf(declared), python), []);
  const wrong = typeOf(z.object({ a: z.int(), when: z.string(), inner: z.object({ n: z.string() }) }));
  assert.deepEqual(compareTypes(wrong, python), [
    { path: ".inner.n", from: "string", to: "integer" },
    { path: ".when", from: "string", to: "string (date-time)" },
  ]);
});
