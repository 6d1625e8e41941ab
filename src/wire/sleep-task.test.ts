import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import type { LiteralSchema, PrimitiveSchema } from "./gen/flyteidl2/core/literals_pb.js";
import type { TaskTemplateSchema } from "./gen/flyteidl2/core/tasks_pb.js";
import { SimpleType } from "./gen/flyteidl2/core/types_pb.js";
import { InputsSchema } from "./gen/flyteidl2/task/common_pb.js";
import { TaskSpecSchema } from "./gen/flyteidl2/task/task_definition_pb.js";
import { decodeSleep } from "./sleep-task.ts";
import { decodeTaskSpec } from "./task-spec.ts";

type Variables = Readonly<Record<string, SimpleType>>;

function sleepTask(inputs: Variables, outputs: Variables = {}) {
  const variables = (all: Variables) => ({
    variables: Object.entries(all).map(([key, simple]) => ({
      key,
      value: { type: { type: { case: "simple", value: simple } as const } },
    })),
  });
  return create(TaskSpecSchema, {
    taskTemplate: {
      id: { name: "team.pause", version: "1" },
      type: "core-sleep",
      interface: { inputs: variables(inputs), outputs: variables(outputs) },
      target: { case: "container", value: { image: "not/there:1", args: ["a0"] } },
    } satisfies MessageInitShape<typeof TaskTemplateSchema>,
  });
}

type Given = bigint | "text";

function inputs(...given: Given[]) {
  return create(InputsSchema, {
    literals: given.map((each, index) => ({ name: `i${index}`, value: literal(each) })),
  });
}

function literal(given: Given): MessageInitShape<typeof LiteralSchema> {
  const value: MessageInitShape<typeof PrimitiveSchema>["value"] =
    given === "text"
      ? { case: "stringValue", value: given }
      : { case: "duration", value: create(DurationSchema, { seconds: given, nanos: 1 }) };
  return { value: { case: "scalar", value: { value: { case: "primitive", value: { value } } } } };
}

suite("a sleep", () => {
  test("has one duration under any name, and its container is ignored", () => {
    const { definition } = decodeTaskSpec(sleepTask({ anything: SimpleType.DURATION }));
    assert.deepEqual([definition.image, definition.args, definition.inputs], ["", [], ["anything"]]);
  });

  const wrong: readonly [string, Variables, Variables, RegExp][] = [
    ["no input", {}, {}, /task team\.pause is a sleep \(flyte\.extras\.Sleep\), and has no input$/u],
    ["two inputs", { a: SimpleType.DURATION, b: SimpleType.DURATION }, {}, /has 2 inputs: a, b$/u],
    ["another type", { a: SimpleType.INTEGER }, {}, /has an input a that is no duration$/u],
    ["an output", { a: SimpleType.DURATION }, { o0: SimpleType.INTEGER }, /has outputs: o0$/u],
  ];
  for (const [name, given, outputs, message] of wrong)
    test(`with ${name} is refused`, () => {
      assert.throws(() => decodeTaskSpec(sleepTask(given, outputs)), { code: "INVALID_ARGUMENT", message });
    });

  test("takes its time from its input, in whole milliseconds, rounded up", () => {
    assert.equal(decodeSleep(inputs(2n), "task t"), 2_001);
  });

  test("is refused where it is called with none, several, or what is no duration", () => {
    for (const [given, message] of [
      [inputs(), /called with no input$/u],
      [inputs(1n, 1n), /called with 2 inputs: i0, i1$/u],
      [inputs("text"), /input i0 of task t, a sleep, is no duration$/u],
      [inputs(-1n), /input i0 of task t is -1 s$/u],
    ] as const)
      assert.throws(() => decodeSleep(given, "task t"), { code: "INVALID_ARGUMENT", message });
  });
});

test("the same specification is decoded once", () => {
  const first = decodeTaskSpec(sleepTask({ time: SimpleType.DURATION }));
  assert.equal(decodeTaskSpec(sleepTask({ time: SimpleType.DURATION })), first);
  assert.notEqual(decodeTaskSpec(sleepTask({ other: SimpleType.DURATION })), first);
});
