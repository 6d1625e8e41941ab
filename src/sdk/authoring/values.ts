/** Inputs and outputs of a task: converts between values and messages. */
import { create } from "@bufbuild/protobuf";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ownValue } from "../../domain/own-value.ts";
import type { CompiledInput, CompiledInterface, CompiledOutput } from "./interface.ts";
import type { Schema } from "./schema.ts";
import { checkValue } from "../../wire/literals/check-value.ts";
import { decodeLiteral } from "../../wire/literals/decode.ts";
import { encodeLiteral } from "../../wire/literals/encode.ts";
import { describeValue, ValueError } from "../../wire/literals/errors.ts";
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
  const literal = encodeLiteral(input.encode?.(value) ?? value, input.type, path);
  if (input.schema === undefined) checkValue(value, input.type, path);
  return literal;
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
      // The stand-in of another's task returns what arrives from it, which is validated then.
      const isChecked = output.schema !== undefined && compiled.isElsewhere !== true;
      const parsed = isChecked ? await validate(output.schema, value, path) : value;
      return { name: output.name, value: encodeLiteral(parsed, output.type, path) };
    }),
  );
  return create(OutputsSchema, { literals });
}

/**
 * Decodes what a task returned: the value, an object of named values, or undefined. Those of a task that is deployed
 * elsewhere are validated. Throws ValueError.
 */
export async function decodeOutputs(
  taskName: string,
  compiled: CompiledInterface,
  outputs: Outputs,
): Promise<unknown> {
  if (compiled.shape === "none") return undefined;
  const byName = new Map(outputs.literals.map((literal) => [literal.name, literal.value]));
  const decode = async (output: CompiledOutput): Promise<unknown> => {
    const literal = byName.get(output.name);
    const path = `${taskName}, output ${output.name}`;
    if (literal === undefined) throw new ValueError(`${taskName} wrote no output ${output.name}`);
    const decoded = decodeLiteral(literal, output.type, path);
    const value = decoded === null && output.optional ? undefined : decoded;
    return compiled.isElsewhere === true ? checkArrived(output, value, path) : value;
  };
  const [first] = compiled.outputs;
  if (compiled.shape === "single" && first !== undefined) return decode(first);
  const entries = compiled.outputs.map(async (output) => [output.name, await decode(output)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** What another's task returned: by the declared schema, else by the deployed type. */
async function checkArrived(
  { schema, type }: CompiledOutput,
  value: unknown,
  path: string,
): Promise<unknown> {
  if (schema === undefined) {
    checkValue(value, type, path);
    return value;
  }
  const result = await schema["~standard"].validate(value);
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map(
    (issue) => `${describeIssue(issue)}; it is ${describeValue(valueAt(value, issue))}`,
  );
  throw new ValueError(`${path} is not what was declared: ${issues.join("; ")}`);
}

/** The part of the value that the issue is about. */
function valueAt(value: unknown, { path = [] }: StandardSchemaV1.Issue): unknown {
  let part = value;
  for (const step of path) {
    if (typeof part !== "object" || part === null) return undefined;
    part = (part as Record<PropertyKey, unknown>)[typeof step === "object" ? step.key : step];
  }
  return part;
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
