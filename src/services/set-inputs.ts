/** Inputs of an action with other values for some of them, as a person writes them on a command line. */
import { create } from "@bufbuild/protobuf";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { StoredSpec } from "../domain/task.ts";
import type { LiteralType } from "../wire/gen/flyteidl2/core/types_pb.js";
import { InputsSchema, NamedLiteralSchema, type Inputs } from "../wire/gen/flyteidl2/task/common_pb.js";
import { encodeLiteral } from "../wire/literals/encode.ts";
import { ValueError } from "../wire/literals/errors.ts";
import { decodeLiteralType, describeWireType } from "../wire/literals/literal-type.ts";
import type { WireType } from "../wire/literals/wire-type.ts";
import { encodeTaskSpec } from "../wire/task-spec.ts";

/** `texts`: by the input's name, JSON or plain text. Throws INVALID_ARGUMENT. */
export function withInputs(
  inputs: Inputs,
  spec: StoredSpec,
  texts: Readonly<Record<string, string>>,
): Inputs {
  const declared = encodeTaskSpec(spec).taskTemplate?.interface?.inputs?.variables ?? [];
  const types = new Map(declared.map(({ key, value }) => [key, value?.type]));
  const literals = new Map(inputs.literals.map((each) => [each.name, each]));
  for (const [name, text] of Object.entries(texts)) {
    if (!types.has(name)) throw noSuchInput(name, [...types.keys()]);
    const value = literalOf(name, text, types.get(name));
    literals.set(name, create(NamedLiteralSchema, { name, value }));
  }
  return create(InputsSchema, { ...inputs, literals: [...literals.values()] });
}

function literalOf(name: string, text: string, literalType: LiteralType | undefined) {
  try {
    if (literalType === undefined) throw new ValueError("its type is not known");
    const type = decodeLiteralType(literalType);
    const value = valueOf(text, type);
    try {
      return encodeLiteral(value, type, name);
    } catch (error) {
      // What reads as JSON may be meant as a text all the same: 2026 for a string or none.
      if (value === text || type.kind !== "union") throw error;
      return encodeLiteral(text, type, name);
    }
  } catch (error) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `input ${name} cannot be ${JSON.stringify(text)}: ${messageOf(error)}`,
      {
        cause: error,
        hint: `write a value of its type${literalType === undefined ? "" : `, ${describeWireType(decodeLiteralType(literalType))}`}: text for a string, JSON for everything else`,
      },
    );
  }
}

/** Texts are written as they are, and so are times and the like, which JSON has no form for. */
function valueOf(text: string, type: WireType): unknown {
  if (type.kind === "string" || type.kind === "enum") return text;
  // JSON's numbers are not exact beyond 2^53.
  if (type.kind === "integer" && /^-?\d+$/u.test(text)) return BigInt(text);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function noSuchInput(name: string, known: readonly string[]): BoxkiteError {
  return new BoxkiteError("INVALID_ARGUMENT", `the task has no input ${JSON.stringify(name)}`, {
    hint: known.length === 0 ? "it takes none" : `it takes ${known.join(", ")}`,
  });
}
