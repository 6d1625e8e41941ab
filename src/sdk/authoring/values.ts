/** Inputs and outputs of a task: converts between values and messages. */
import { create } from "@bufbuild/protobuf";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ownValue } from "../../domain/own-value.ts";
import type { CompiledInput, CompiledInterface, CompiledOutput } from "./interface.ts";
import type { Schema } from "./schema.ts";
import { decodeLiteral } from "../../wire/literals/decode.ts";
import { encodeLiteral } from "../../wire/literals/encode.ts";
import { ValueError } from "../../wire/literals/errors.ts";
import type { Literal } from "../../wire/gen/flyteidl2/core/literals_pb.js";
import {
  InputsSchema,
  OutputsSchema,
  type Inputs,
  type Outputs,
} from "../../wire/gen/flyteidl2/task/common_pb.js";

/**
 * Validates and encodes the inputs of a call. Defaults are encoded explicitly, so that action names and cache
 * keys do not depend on who filled them in.
 */
export async function encodeInputs(
  taskName: string,
  compiled: CompiledInterface,
  values: Readonly<Record<string, unknown>> | undefined,
  context: Readonly<Record<string, string>> = {},
): Promise<Inputs> {
  const given = values ?? {};
  refuseUnknownInputs(taskName, compiled, given);
  const literals = await Promise.all(
    compiled.inputs.map(async (input) => ({
      name: input.name,
      value: await encodeInput(taskName, input, ownValue(given, input.name)),
    })),
  );
  return create(InputsSchema, {
    literals,
    context: Object.entries(context).map(([key, value]) => ({ key, value })),
  });
}

/** Throws ValueError for values that are no inputs of the task. */
export function refuseUnknownInputs(
  taskName: string,
  { inputs }: CompiledInterface,
  values: Readonly<Record<string, unknown>>,
): void {
  const names = inputs.map(({ name }) => name);
  const unknown = Object.keys(values).filter((name) => !names.includes(name));
  if (unknown.length === 0) return;
  throw new ValueError(
    `${taskName} has no input ${unknown.join(", ")}; its inputs are ${names.join(", ") || "none"}`,
  );
}

async function encodeInput(taskName: string, input: CompiledInput, value: unknown): Promise<Literal> {
  const path = `${taskName}, input ${input.name}`;
  if (value === undefined) {
    if (input.defaultValue === undefined) throw new ValueError(`${path} is missing`);
    return encodeLiteral(input.defaultValue.value, input.type, path);
  }
  // Validated here to fail early; sent as given, because the task's container validates and transforms it.
  if (input.schema !== undefined) await validate(input.schema, value, path);
  return encodeLiteral(value, input.type, path);
}

/** Decodes and validates the inputs of a task; the result is the argument of its function. */
export async function decodeInputs(
  taskName: string,
  compiled: CompiledInterface,
  inputs: Inputs,
): Promise<Record<string, unknown>> {
  const byName = new Map(inputs.literals.map((literal) => [literal.name, literal.value]));
  const entries = await Promise.all(
    compiled.inputs.map(async (input) => {
      const path = `${taskName}, input ${input.name}`;
      const literal = byName.get(input.name);
      let value: unknown;
      if (literal === undefined) {
        if (input.defaultValue === undefined) throw new ValueError(`${path} is missing`);
        value = input.optional ? undefined : input.defaultValue.value;
      } else {
        const decoded = decodeLiteral(literal, input.type, path);
        value = decoded === null && input.optional ? undefined : decoded;
      }
      return [
        input.name,
        input.schema === undefined ? value : await validate(input.schema, value, path),
      ] as const;
    }),
  );
  return Object.fromEntries(entries);
}

/** Validates and encodes what the function returned. */
export async function encodeOutputs(
  taskName: string,
  compiled: CompiledInterface,
  returned: unknown,
): Promise<Outputs> {
  if (compiled.shape === "none") return create(OutputsSchema);
  if (compiled.shape === "named" && (typeof returned !== "object" || returned === null)) {
    throw new ValueError(`${taskName} returned ${String(returned)}, expected an object of its outputs`);
  }
  const literals = await Promise.all(
    compiled.outputs.map(async (output): Promise<{ name: string; value: Literal }> => {
      const path = compiled.shape === "single" ? `${taskName}, output` : `${taskName}, output ${output.name}`;
      const value =
        compiled.shape === "single" ? returned : (returned as Record<string, unknown>)[output.name];
      const parsed = output.schema === undefined ? value : await validate(output.schema, value, path);
      return { name: output.name, value: encodeLiteral(parsed, output.type, path) };
    }),
  );
  return create(OutputsSchema, { literals });
}

/** Decodes what a task returned: the value, an object of named values, or undefined. */
export function decodeOutputs(taskName: string, compiled: CompiledInterface, outputs: Outputs): unknown {
  if (compiled.shape === "none") return undefined;
  const byName = new Map(outputs.literals.map((literal) => [literal.name, literal.value]));
  const decode = (output: CompiledOutput): unknown => {
    const literal = byName.get(output.name);
    if (literal === undefined) throw new ValueError(`${taskName} wrote no output ${output.name}`);
    const value = decodeLiteral(literal, output.type, `${taskName}, output ${output.name}`);
    return value === null && output.optional ? undefined : value;
  };
  const [first] = compiled.outputs;
  if (compiled.shape === "single" && first !== undefined) return decode(first);
  return Object.fromEntries(compiled.outputs.map((output) => [output.name, decode(output)]));
}

/** The parsed value, or a ValueError that lists the issues by path. */
export async function validate(schema: Schema, value: unknown, path: string): Promise<unknown> {
  const result = await schema["~standard"].validate(value);
  if (result.issues === undefined) return result.value;
  throw new ValueError(`${path}: ${result.issues.map(describeIssue).join("; ")}`);
}

function describeIssue(issue: StandardSchemaV1.Issue): string {
  const path = (issue.path ?? []).map((step) => String(typeof step === "object" ? step.key : step)).join(".");
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}
