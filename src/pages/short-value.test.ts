import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { encode } from "@msgpack/msgpack";
import {
  LiteralSchema,
  type PrimitiveSchema,
  type ScalarSchema,
} from "../wire/gen/flyteidl2/core/literals_pb.js";
import { inputsText, createVarying, type ShortInput } from "./assets/inputs.js";
import { shortValue } from "./short-value.ts";

const scalar = (value: NonNullable<MessageInitShape<typeof ScalarSchema>["value"]>) =>
  create(LiteralSchema, { value: { case: "scalar", value: { value } } });
const primitive = (value: NonNullable<MessageInitShape<typeof PrimitiveSchema>["value"]>) =>
  scalar({ case: "primitive", value: { value } });
const text = (value: string) => primitive({ case: "stringValue", value });
const packed = (value: unknown) =>
  scalar({ case: "binary", value: { tag: "msgpack", value: encode(value) } });
const list = (count: number) =>
  create(LiteralSchema, {
    value: {
      case: "collection",
      value: {
        literals: Array.from({ length: count }, (_, n) => primitive({ case: "integer", value: BigInt(n) })),
      },
    },
  });

test("values are short, on one line, and differ where long ones differ: at their ends", () => {
  const rows = [
    [primitive({ case: "integer", value: 3n }), "3"],
    [primitive({ case: "floatValue", value: 2 }), "2.0"],
    [primitive({ case: "boolean", value: true }), "true"],
    [text("3"), '"3"'],
    [text("a\nb\u202ec"), '"a b c"'],
    [text(`s3://bucket/${"x".repeat(100_000)}/part-0001`), '"s3://buc…xxx/part-0001"'],
    [list(3), "[0, 1, 2]"],
    [list(1_000), "[1000 items]"],
    [scalar({ case: "blob", value: { uri: "s3://bucket/deep/in/data.csv" } }), "data.csv"],
    [scalar({ case: "noneType", value: {} }), "none"],
    [packed({ rate: 0.5, name: "a" }), '{rate: 0.5, name: "a"}'],
    [packed("x".repeat(10_000)), "9.8 KiB"],
    [scalar({ case: "binary", value: { tag: "msgpack", value: new Uint8Array([0xc1]) } }), "none"],
  ] as const;
  for (const [literal, expected] of rows) assert.equal(shortValue(literal), expected);
});

test("a value that is nested without end is cut", () => {
  let nested: unknown = 1;
  for (let depth = 0; depth < 90; depth++) nested = [nested];
  assert.equal(shortValue(packed(nested)), "[[[1 items]]]");
});

test("of calls of one task the inputs come first that differ", () => {
  const calls: ShortInput[][] = [1, 2].map((x) => [
    ["data", '"s3://bucket/data"'],
    ["x", String(x)],
  ]);
  const varying = createVarying();
  for (const call of calls) varying.add("leaf", call);
  assert.deepEqual(
    calls.map((call) => inputsText(call, varying.of("leaf"))),
    ['(x=1, data="s3://bucket/data")', '(x=2, data="s3://bucket/data")'],
  );
  assert.equal(inputsText([], varying.of("other")), "");
  const long = Array.from({ length: 12 }, (_, n): ShortInput => [`input${n}`, "x".repeat(24)]);
  assert.equal(inputsText(long, new Set()).length, 123);
});
