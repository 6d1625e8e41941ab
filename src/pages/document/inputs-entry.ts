/** The inputs of an action in a document: each as a text of bounded length, and a hash of the whole value. */
import { createHash } from "node:crypto";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import type { ActionRecord } from "../../domain/action-record.ts";
import type { InputsEntry, InputValue } from "../../domain/run-document.ts";
import { LiteralSchema } from "../../wire/gen/flyteidl2/core/literals_pb.js";
import { InputsSchema, type NamedLiteral } from "../../wire/gen/flyteidl2/task/common_pb.js";
import { readLiterals, type ValuesContext } from "../action-values.ts";
import { valueText } from "../short-value.ts";

const MAX_INPUTS = 100;
const MAX_NAME = 200;
const LIMITS = { length: 400, keptAtEnd: 100, items: 20, depth: 4, packedBytes: 64 * 1024 } as const;
const HASH_LENGTH = 16;

const NONE: InputsEntry = { values: [], omitted: 0 };

/** `baseUri`: of the run, which is left out of values, so that those of two runs can be the same. */
export async function inputsEntry(
  context: ValuesContext,
  { kind, inputUri }: ActionRecord,
  baseUri: string,
): Promise<InputsEntry> {
  if (kind === "condition") return NONE;
  const read = await readLiterals(context, inputUri, (bytes) => fromBinary(InputsSchema, bytes).literals);
  switch (read.kind) {
    case "absent":
      return NONE;
    case "too_large":
      return { ...NONE, unread: "too large" };
    case "unreadable":
      return { ...NONE, unread: "not readable" };
    case "read": {
      const { literals } = read;
      const values = literals.slice(0, MAX_INPUTS).map((literal) => inputValue(literal, baseUri));
      return { values, omitted: literals.length - values.length };
    }
  }
}

function inputValue({ name, value }: NamedLiteral, baseUri: string): InputValue {
  const withoutRun = (text: string) => (baseUri === "" ? text : text.replaceAll(`${baseUri}/`, "…/"));
  const whole = value === undefined ? "" : JSON.stringify(toJson(LiteralSchema, value));
  const hash = createHash("sha256").update(withoutRun(whole)).digest("hex").slice(0, HASH_LENGTH);
  const text = value === undefined ? "none" : withoutRun(valueText(value, LIMITS));
  return { name: name.slice(0, MAX_NAME).toWellFormed(), text, hash };
}
