/** What the program of a reproduction wrote, for people. */
import { fromBinary } from "@bufbuild/protobuf";
import { messageOf, textOf } from "../domain/errors.ts";
import { OUTPUTS_FILE, outputsUri } from "../domain/outputs.ts";
import type { StoredSpec } from "../domain/task.ts";
import { OutputsSchema, type NamedLiteral, type Outputs } from "../wire/gen/flyteidl2/task/common_pb.js";
import { decodeLiteral } from "../wire/literals/decode.ts";
import { decodeLiteralType } from "../wire/literals/literal-type.ts";
import { encodeTaskSpec } from "../wire/task-spec.ts";
import { readWritten } from "../wire/written.ts";
import type { ServiceContext } from "./context.ts";
import { keyOfUri } from "./object-keys.ts";

export type ReproductionOutcome =
  /** Its program has not run, or wrote nothing. */
  | { readonly kind: "nothing" }
  | { readonly kind: "outputs"; readonly values: readonly { readonly name: string; readonly text: string }[] }
  | { readonly kind: "error"; readonly code: string; readonly text: string };

/** Of one value: more does not fit on a terminal. */
const MAX_TEXT = 2_000;

export async function readOutcome(
  { objects, bucket }: Pick<ServiceContext, "objects" | "bucket">,
  prefix: string,
  spec: StoredSpec,
): Promise<ReproductionOutcome> {
  const read = (uri: string) => objects.readAll(keyOfUri(uri, bucket));
  const size = async (uri: string) => (await objects.head(keyOfUri(uri, bucket)))?.size;
  const written = await readWritten({ size, read }, prefix);
  switch (written.kind) {
    case "nothing":
      return { kind: "nothing" };
    case "outputs":
      return outputsOf((await read(outputsUri("task", prefix))) ?? new Uint8Array(), spec);
    case "error":
      return { kind: "error", code: written.error.code, text: textOf(written.error) };
    default:
      return { kind: "error", code: "OBJECT_DAMAGED", text: textOf(written) };
  }
}

function outputsOf(bytes: Uint8Array, spec: StoredSpec): ReproductionOutcome {
  let outputs: Outputs;
  try {
    outputs = fromBinary(OutputsSchema, bytes);
  } catch (error) {
    // The task may have written anything.
    return {
      kind: "error",
      code: "UnreadableOutputs",
      text: `the program's ${OUTPUTS_FILE} cannot be read: ${messageOf(error)}`,
    };
  }
  const declared = encodeTaskSpec(spec).taskTemplate?.interface?.outputs?.variables ?? [];
  const types = new Map(declared.map(({ key, value }) => [key, value?.type]));
  const values = outputs.literals.map((literal) => {
    const type = types.get(literal.name);
    const text =
      type === undefined ? "a value without a type" : textOfValue(literal, () => decodeLiteralType(type));
    return { name: literal.name, text: text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text };
  });
  return { kind: "outputs", values };
}

function textOfValue(
  { name, value }: NamedLiteral,
  typeOf: () => ReturnType<typeof decodeLiteralType>,
): string {
  try {
    if (value === undefined) return "null";
    const decoded = decodeLiteral(value, typeOf(), name);
    return (
      JSON.stringify(decoded, (_, part: unknown) => (typeof part === "bigint" ? Number(part) : part)) ??
      "null"
    );
  } catch (error) {
    // The task may have written anything.
    return `a value that cannot be shown: ${messageOf(error)}`;
  }
}
