/** What an author declares of a deployed task beside what is deployed. */
import type { CompiledInput, CompiledInterface } from "./interface.ts";
import { compareTypes } from "../../wire/literals/compare-types.ts";
import { describeWireType } from "../../wire/literals/literal-type.ts";
import { unionOf, type WireType } from "../../wire/literals/wire-type.ts";
import type { TaskSpec } from "../../wire/gen/flyteidl2/task/task_definition_pb.js";

/** Each says what both sides have. Declared inputs may be narrower than deployed ones, and outputs wider. */
export function differencesOf(
  declared: CompiledInterface,
  deployed: CompiledInterface,
  spec: TaskSpec,
): string[] {
  const inputs = new Map(deployed.inputs.map((input) => [input.name, input]));
  const outputs = new Map(deployed.outputs.map((output) => [output.name, output]));
  const names = new Set(declared.inputs.map(({ name }) => name));
  const isNeeded = ({ name, defaultValue }: CompiledInput): boolean =>
    !names.has(name) && defaultValue === undefined;
  // The fields of a Python class are all written.
  const options = { writesOptional: spec.taskTemplate?.metadata?.runtime?.flavor !== "typescript" };
  return [
    ...declared.inputs.flatMap((input) => inputDifferences(input, inputs.get(input.name))),
    ...deployed.inputs.filter(isNeeded).map(({ name }) => `its input ${name} is not declared`),
    ...declared.outputs.flatMap(({ name, type }) => {
      const output = outputs.get(name);
      if (output === undefined) return [`it has no output ${name}`];
      return compareTypes(output.type, type, options).map((one) =>
        difference(`output ${name}`, one.path, { deployed: one.from, declared: one.to }),
      );
    }),
  ];
}

function inputDifferences(input: CompiledInput, target: CompiledInput | undefined): string[] {
  const { name, type, optional } = input;
  if (target === undefined) return [`it has no input ${name}`];
  const isRequired = target.defaultValue === undefined && compareTypes(NONE, target.type).length > 0;
  if (optional && isRequired) {
    return [`input ${name} is required ${describeWireType(target.type)}, declared as optional`];
  }
  return compareTypes(optional ? withoutNone(type) : type, target.type).map((one) =>
    difference(`input ${name}`, one.path, { deployed: one.to, declared: one.from }),
  );
}

function difference(
  what: string,
  path: string,
  sides: { readonly deployed: string; readonly declared: string },
): string {
  const declared = sides.declared === "missing" ? "and not declared" : `declared as ${sides.declared}`;
  return `${what}${path} is ${sides.deployed}, ${declared}`;
}

const NONE: WireType = { kind: "none" };

/** An optional input is a union with none here; without a value the deployed default applies. */
function withoutNone(type: WireType): WireType {
  if (type.kind !== "union") return type;
  return unionOf(type.variants.filter((variant) => variant.kind !== "none"));
}

/** Inputs are validated as declared and sent as deployed; outputs are read as declared. */
export function declaredOver(declared: CompiledInterface, deployed: CompiledInterface): CompiledInterface {
  const byName = new Map(declared.inputs.map((input) => [input.name, input]));
  const inputs = deployed.inputs.map((input): CompiledInput => {
    const own = byName.get(input.name);
    if (own === undefined) return input;
    const { type: _, defaultValue, ...rest } = own;
    // Null stands for a value that is left out only where there is no better default.
    const chosen = own.optional ? (input.defaultValue ?? defaultValue) : (defaultValue ?? input.defaultValue);
    return { ...rest, type: input.type, ...(chosen === undefined ? {} : { defaultValue: chosen }) };
  });
  return { ...declared, inputs };
}
