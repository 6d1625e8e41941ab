/** A task's inputs and outputs, compiled from their schemas once, when the task is defined. */
import { create } from "@bufbuild/protobuf";
import { jsonSchemaOf, type Schema, type Schemas } from "./schema.ts";
import { messageOf } from "../../domain/errors.ts";
import { encodeLiteralType } from "../../wire/literals/literal-type.ts";
import { compileWireType, unionOf, type WireType } from "../../wire/literals/wire-type.ts";
import {
  TypedInterfaceSchema,
  type TypedInterface,
  type VariableEntry,
} from "../../wire/gen/flyteidl2/core/interface_pb.js";

export interface CompiledInput {
  readonly name: string;
  readonly type: WireType;
  /** Undefined for inputs of a deployed task without a declared interface: they are checked by type only. */
  readonly schema: Schema | undefined;
  readonly description: string;
  /** The default in its wire form, if there is one. */
  readonly defaultValue?: { readonly value: unknown };
  /** May be omitted without a default: the function then gets `undefined`. */
  readonly optional: boolean;
  /** Makes what is sent of what a caller gives. @default it is sent as given */
  readonly encode?: (value: unknown) => unknown;
}

export interface CompiledOutput {
  readonly name: string;
  readonly type: WireType;
  readonly schema: Schema | undefined;
  readonly description: string;
  /** May be `undefined` and not null: the null that stands for it on the wire is `undefined` again. */
  readonly optional: boolean;
}

export interface CompiledInterface {
  readonly inputs: readonly CompiledInput[];
  readonly outputs: readonly CompiledOutput[];
  /** Whether callers get an object of named outputs, the single output itself, or nothing. */
  readonly shape: "none" | "single" | "named";
  /** The task is another's: its outputs are validated when they arrive, not where they are made. */
  readonly isElsewhere?: boolean;
}

export interface InterfaceDeclaration {
  readonly inputs?: Schemas | undefined;
  readonly output?: Schema | undefined;
  readonly outputs?: Schemas | undefined;
}

/** The name Flyte gives to the only output of a task. */
const SINGLE_OUTPUT = "o0";

/** Throws TypeError naming the task and the input if a schema has no Flyte type. */
export function compileInterface(taskName: string, declaration: InterfaceDeclaration): CompiledInterface {
  return compile(taskName, declaration, "output");
}

/** Of a task that is deployed elsewhere: its outputs are what their schemas take, not what they make. */
export function compileReference(taskName: string, declaration: InterfaceDeclaration): CompiledInterface {
  return { ...compile(taskName, declaration, "input"), isElsewhere: true };
}

function compile(
  taskName: string,
  declaration: InterfaceDeclaration,
  outputSide: "input" | "output",
): CompiledInterface {
  if (declaration.output !== undefined && declaration.outputs !== undefined) {
    throw new TypeError(`task ${taskName}: give either output or outputs, not both`);
  }
  const inputs = Object.entries(declaration.inputs ?? {}).map(([name, schema]) =>
    located(`task ${taskName}, input ${name}`, () => compileInput(taskName, name, schema)),
  );
  const shape =
    declaration.output !== undefined ? "single" : declaration.outputs !== undefined ? "named" : "none";
  const declared =
    declaration.output === undefined ? (declaration.outputs ?? {}) : { [SINGLE_OUTPUT]: declaration.output };
  const outputs = Object.entries(declared).map(([name, schema]) =>
    located(`task ${taskName}, output ${name}`, (): CompiledOutput => {
      const jsonSchema = jsonSchemaOf(schema, outputSide);
      const titleHint = name === SINGLE_OUTPUT ? `${lastPart(taskName)} output` : name;
      const compiled = compileWireType(jsonSchema, titleHint);
      const mayBeAbsent = accepts(schema, undefined);
      const type = mayBeAbsent ? unionOf([compiled, { kind: "none" }]) : compiled;
      const optional = mayBeAbsent && !accepts(schema, null);
      return { name, type, schema, description: jsonSchema.description ?? "", optional };
    }),
  );
  return { inputs, outputs, shape };
}

function compileInput(taskName: string, name: string, schema: Schema): CompiledInput {
  const jsonSchema = jsonSchemaOf(schema, "input");
  const { default: declaredDefault, ...bare } = jsonSchema;
  const type = compileWireType(bare, `${lastPart(taskName)} ${name}`);
  const description = jsonSchema.description ?? "";
  if (declaredDefault !== undefined) {
    return { name, type, schema, description, defaultValue: { value: declaredDefault }, optional: false };
  }
  if (!accepts(schema, undefined)) return { name, type, schema, description, optional: false };
  const nullable = unionOf([type, { kind: "none" }]);
  return { name, type: nullable, schema, description, defaultValue: { value: null }, optional: true };
}

/** Whether the schema accepts `undefined`, as an optional or a defaulted one does, or null. Asynchronous ones are taken not to. */
function accepts(schema: Schema, absent: undefined | null): boolean {
  const result = schema["~standard"].validate(absent);
  if (result instanceof Promise) {
    result.catch(() => undefined);
    return false;
  }
  return result.issues === undefined;
}

function lastPart(taskName: string): string {
  return taskName.slice(taskName.lastIndexOf(".") + 1);
}

function located<T>(where: string, compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    throw new TypeError(`${where}: ${messageOf(error)}`, { cause: error });
  }
}

export function encodeInterface(compiled: CompiledInterface): TypedInterface {
  return create(TypedInterfaceSchema, {
    inputs: { variables: compiled.inputs.map(encodeVariable).sort(byKey) },
    outputs: { variables: compiled.outputs.map(encodeVariable).sort(byKey) },
  });
}

function encodeVariable(variable: CompiledInput | CompiledOutput): VariableInit {
  return {
    key: variable.name,
    value: { type: encodeLiteralType(variable.type), description: variable.description },
  };
}

interface VariableInit {
  readonly key: string;
  readonly value: { readonly type: ReturnType<typeof encodeLiteralType>; readonly description: string };
}

function byKey(a: Pick<VariableEntry, "key">, b: Pick<VariableEntry, "key">): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
