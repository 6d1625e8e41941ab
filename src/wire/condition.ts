/** Conditions: what they ask, and their answers, checked against the type they asked for. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BoxkiteError } from "../domain/errors.ts";
import { quoted } from "../domain/text.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { LiteralSchema, type Primitive } from "./gen/flyteidl2/core/literals_pb.js";
import { SimpleType } from "./gen/flyteidl2/core/types_pb.js";
import { ConditionActionSchema, type ConditionAction } from "./gen/flyteidl2/workflow/run_definition_pb.js";
import { EventPayloadSchema, type EventPayload } from "./gen/flyteidl2/workflow/run_service_pb.js";

/** A condition is answered with one of four types (flyte/_condition.py, data_type). */
const TYPES = {
  boolValue: { simple: SimpleType.BOOLEAN, name: "bool", field: "boolean" },
  intValue: { simple: SimpleType.INTEGER, name: "int", field: "integer" },
  floatValue: { simple: SimpleType.FLOAT, name: "float", field: "floatValue" },
  stringValue: { simple: SimpleType.STRING, name: "str", field: "stringValue" },
} as const;

export type ConditionType = (typeof TYPES)[keyof typeof TYPES]["name"];

/** Kept in the store with the action. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** What to answer, by the type that is asked for. */
const EXAMPLES: Readonly<Record<ConditionType, string>> = {
  bool: "answer true or false",
  int: "answer a whole number of at most 64 bits, such as 3",
  float: "answer a number, such as 0.5",
  str: "answer a text",
};

export interface Question {
  readonly prompt: string;
  readonly description: string;
  /** Of the answer; undefined where any will do. */
  readonly type: ConditionType | undefined;
}

/** Throws FIELD_NOT_SUPPORTED for a condition that cannot be answered: its type of value is not supported. */
export function requireAnswerable({ name, type: wanted }: ConditionAction): void {
  const type = wanted?.type;
  if (type?.case === undefined) return;
  if (type.case === "simple" && Object.values(TYPES).some(({ simple }) => simple === type.value)) return;
  throw new BoxkiteError(
    "FIELD_NOT_SUPPORTED",
    `condition ${name} asks for a value of a type that no answer has`,
    { hint: "use bool, int, float or str as its data_type" },
  );
}

/** What a condition asks. */
export function conditionOf({ detail }: ActionRecord): Question {
  const { prompt, description, type: wanted } = fromBinary(ConditionActionSchema, detail ?? new Uint8Array());
  const type = wanted?.type;
  const known = Object.values(TYPES).find(({ simple }) => type?.case === "simple" && type.value === simple);
  return { prompt, description, type: known?.name };
}

/** The answer that a form's text means. Throws INVALID_ARGUMENT where it is none of the condition's type. */
export function payloadFromText(condition: ActionRecord, text: string): EventPayload {
  const { type } = conditionOf(condition);
  const trimmed = text.trim();
  if (type === "bool" && (trimmed === "true" || trimmed === "false")) {
    return create(EventPayloadSchema, { value: { case: "boolValue", value: trimmed === "true" } });
  }
  if (type === "int" && /^-?\d+$/u.test(trimmed) && BigInt.asIntN(64, BigInt(trimmed)) === BigInt(trimmed)) {
    return create(EventPayloadSchema, { value: { case: "intValue", value: BigInt(trimmed) } });
  }
  if (type === "float" && trimmed !== "" && Number.isFinite(Number(trimmed))) {
    return create(EventPayloadSchema, { value: { case: "floatValue", value: Number(trimmed) } });
  }
  if (type === "str" || type === undefined) {
    return create(EventPayloadSchema, { value: { case: "stringValue", value: text } });
  }
  throw new BoxkiteError(
    "INVALID_ARGUMENT",
    `condition ${condition.displayName} wants a value of type ${type}, not ${quoted(text)}`,
    { hint: EXAMPLES[type] },
  );
}

/** A serialized Literal. Throws INVALID_ARGUMENT for a value of another type than the condition's, or LIMIT_EXCEEDED. */
export function decodeSignal(condition: ActionRecord, payload: EventPayload | undefined): Uint8Array {
  const name = condition.displayName;
  if (condition.kind !== "condition") {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `action ${condition.key.action} is a ${condition.kind}, not a condition`,
      { hint: "name the condition of the run that waits: flyte get action RUN lists them" },
    );
  }
  const given = payload?.value;
  if (given?.case === undefined)
    throw new BoxkiteError("INVALID_ARGUMENT", `the answer to condition ${name} has no value`, {
      hint: "send a bool, int, float or str",
    });
  const { type } = conditionOf(condition);
  const actual = TYPES[given.case];
  if (type !== undefined && type !== actual.name) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `condition ${name} wants a value of type ${type}, not ${actual.name}`,
      { hint: EXAMPLES[type] },
    );
  }
  const primitive = { case: actual.field, value: given.value } as Primitive["value"];
  const literal = create(LiteralSchema, {
    value: { case: "scalar", value: { value: { case: "primitive", value: { value: primitive } } } },
  });
  const bytes = toBinary(LiteralSchema, literal);
  if (bytes.length <= MAX_ANSWER_BYTES) return bytes;
  throw new BoxkiteError(
    "LIMIT_EXCEEDED",
    `the answer to condition ${name} has ${bytes.length.toLocaleString("en-US")} bytes, and may have ${MAX_ANSWER_BYTES.toLocaleString("en-US")} (1 MiB)`,
    { hint: "write large data into the object store, and answer with its address" },
  );
}
