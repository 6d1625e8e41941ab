import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import type { ActionRecord } from "../domain/action-record.ts";
import { decodeSignal, payloadFromText } from "./condition.ts";
import { SimpleType } from "./gen/flyteidl2/core/types_pb.js";
import { ConditionActionSchema } from "./gen/flyteidl2/workflow/run_definition_pb.js";

function wants(simple: SimpleType): ActionRecord {
  const message = create(ConditionActionSchema, { type: { type: { case: "simple", value: simple } } });
  const detail = toBinary(ConditionActionSchema, message);
  return { detail, displayName: "c", kind: "condition" } as Partial<ActionRecord> as ActionRecord;
}

test("a form's text is read as the type that the condition wants", () => {
  const value = (simple: SimpleType, text: string) => payloadFromText(wants(simple), text).value.value;
  assert.equal(value(SimpleType.BOOLEAN, "false"), false);
  assert.equal(value(SimpleType.INTEGER, "9223372036854775807"), 9_223_372_036_854_775_807n);
  assert.equal(value(SimpleType.FLOAT, " 1e3 "), 1_000);
  assert.equal(value(SimpleType.STRING, ""), "");
});

test("text that is no value of the type is refused", () => {
  const texts: readonly [SimpleType, readonly string[]][] = [
    [SimpleType.BOOLEAN, ["", "yes", "1"]],
    [SimpleType.INTEGER, ["", "1.0", "0x1", "9223372036854775808", "-9223372036854775809"]],
    [SimpleType.FLOAT, ["", "x", "Infinity"]],
  ];
  for (const [simple, wrong] of texts) {
    for (const text of wrong) {
      assert.throws(() => payloadFromText(wants(simple), text), { code: "INVALID_ARGUMENT" }, text);
    }
  }
});

test("an answer has at most 1 MiB", () => {
  const asked = wants(SimpleType.STRING);
  const answer = (length: number) => decodeSignal(asked, payloadFromText(asked, "x".repeat(length)));
  assert.ok(answer(2 ** 20 - 100).length > 2 ** 20 - 100);
  assert.throws(() => answer(2 ** 20), { code: "LIMIT_EXCEEDED", message: /answer to condition c has/u });
});
