import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { BoxkiteError } from "../domain/errors.ts";
import { InputsSchema } from "../wire/gen/flyteidl2/task/common_pb.js";
import { TaskSpecSchema } from "../wire/gen/flyteidl2/task/task_definition_pb.js";
import { decodeLiteral } from "../wire/literals/decode.ts";
import { encodeLiteral } from "../wire/literals/encode.ts";
import { encodeLiteralType } from "../wire/literals/literal-type.ts";
import type { WireType } from "../wire/literals/wire-type.ts";
import { decodeTaskSpec } from "../wire/task-spec.ts";
import { withInputs } from "./set-inputs.ts";

const TYPES: Readonly<Record<string, WireType>> = {
  n: { kind: "integer", bigint: true },
  f: { kind: "float" },
  s: { kind: "string" },
  flag: { kind: "boolean" },
  at: { kind: "datetime", asDate: false, date: false },
  list: { kind: "list", items: { kind: "integer", bigint: false } },
  settings: { kind: "struct", schema: undefined },
  maybe: { kind: "union", variants: [{ kind: "none" }, { kind: "string" }] },
};

const SPEC = decodeTaskSpec(
  create(TaskSpecSchema, {
    taskTemplate: {
      id: { name: "e.t", version: "1" },
      type: "python",
      interface: {
        inputs: {
          variables: Object.entries(TYPES).map(([key, type]) => ({
            key,
            value: { type: encodeLiteralType(type) },
          })),
        },
      },
      target: { case: "container", value: { image: "i", args: ["a0"] } },
    },
  }),
);

const GIVEN = create(InputsSchema, {
  literals: [
    { name: "n", value: encodeLiteral(1n, TYPES["n"] ?? { kind: "none" }, "n") },
    { name: "s", value: encodeLiteral("kept", { kind: "string" }, "s") },
  ],
});

function valueOf(name: string, text: string): unknown {
  const { literals } = withInputs(GIVEN, SPEC, { [name]: text });
  const literal = literals.find((each) => each.name === name)?.value;
  const type = TYPES[name];
  assert.ok(literal !== undefined && type !== undefined);
  return decodeLiteral(literal, type, name);
}

test("a value is written as the input's type says: text for a string, JSON for the rest", () => {
  assert.equal(valueOf("n", "9007199254740993"), 9_007_199_254_740_993n);
  assert.equal(valueOf("f", "3"), 3);
  assert.equal(valueOf("s", "3"), "3");
  assert.equal(valueOf("s", '"quoted"'), '"quoted"');
  assert.equal(valueOf("flag", "true"), true);
  assert.match(String(valueOf("at", "2026-01-31T08:00:00Z")), /^2026-01-31T08:00/u);
  assert.deepEqual(valueOf("list", "[1, 2]"), [1, 2]);
  assert.deepEqual(valueOf("settings", '{"a": 1}'), { a: 1 });
  assert.equal(valueOf("maybe", "null"), null);
  assert.equal(valueOf("maybe", "2026"), "2026", "a number is meant as text where only text is taken");
});

test("inputs that are not named keep their values, and one that is not there yet is added", () => {
  const { literals } = withInputs(GIVEN, SPEC, { n: "2", flag: "false" });
  assert.deepEqual(
    literals.map(({ name }) => name),
    ["n", "s", "flag"],
  );
  assert.deepEqual(literals[1], GIVEN.literals[1]);
});

test("what is no value of the type, and no input, is refused with what is", () => {
  const rows: readonly [name: string, text: string, message: RegExp, hint: RegExp][] = [
    ["n", "three", /^input n cannot be "three": /u, /integer/u],
    ["flag", "1", /^input flag cannot be "1": /u, /boolean/u],
    ["x", "1", /^the task has no input "x"$/u, /^it takes n, f, s/u],
  ];
  for (const [name, text, message, hint] of rows)
    assert.throws(
      () => withInputs(GIVEN, SPEC, { [name]: text }),
      (error: unknown) =>
        error instanceof BoxkiteError &&
        error.code === "INVALID_ARGUMENT" &&
        message.test(error.message) &&
        hint.test(error.hint ?? ""),
      name,
    );
});
