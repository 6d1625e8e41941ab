/** Conditions: their answers, checked against the type they asked for. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BoxkiteError } from "../domain/errors.ts";
import type { ActionRecord } from "../store/store.ts";
import { LiteralSchema, type Primitive } from "./gen/flyteidl2/core/literals_pb.js";
import { SimpleType } from "./gen/flyteidl2/core/types_pb.js";
import { ConditionActionSchema } from "./gen/flyteidl2/workflow/run_definition_pb.js";
import type { EventPayload } from "./gen/flyteidl2/workflow/run_service_pb.js";

/** A condition is answered with one of four types (flyte/_condition.py, data_type). */
const TYPES = {
  boolValue: { simple: SimpleType.BOOLEAN, name: "bool", field: "boolean" },
  intValue: { simple: SimpleType.INTEGER, name: "int", field: "integer" },
  floatValue: { simple: SimpleType.FLOAT, name: "float", field: "floatValue" },
  stringValue: { simple: SimpleType.STRING, name: "str", field: "stringValue" },
} as const;

/** A serialized Literal. Throws INVALID_ARGUMENT for a value of another type than the condition's. */
export function decodeSignal(condition: ActionRecord, payload: EventPayload | undefined): Uint8Array {
  const name = condition.displayName;
  if (condition.kind !== "condition") {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `action ${condition.key.action} is a ${condition.kind}, not a condition`,
    );
  }
  const given = payload?.value;
  if (given?.case === undefined)
    throw new BoxkiteError("INVALID_ARGUMENT", `the signal for condition ${name} has no value`);
  const { type } = fromBinary(ConditionActionSchema, condition.detail ?? new Uint8Array()).type ?? {};
  const wanted = Object.values(TYPES).find(({ simple }) => type?.case === "simple" && type.value === simple);
  const actual = TYPES[given.case];
  if (wanted !== undefined && wanted !== actual) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `condition ${name} wants a value of type ${wanted.name}, not ${actual.name}`,
    );
  }
  const primitive = { case: actual.field, value: given.value } as Primitive["value"];
  const literal = create(LiteralSchema, {
    value: { case: "scalar", value: { value: { case: "primitive", value: { value: primitive } } } },
  });
  return toBinary(LiteralSchema, literal);
}
