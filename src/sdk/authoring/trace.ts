/**
 * Traces: steps inside a task whose results are recorded. The next attempt of the task reads the record
 * instead of running the step again.
 */
import { refuseHiddenSource, type AuthorFunction } from "./author-function.ts";
import { compileInterface, type CompiledInterface } from "./interface.ts";
import {
  json,
  type InferInput,
  type InferOutput,
  type InputsOf,
  type ParsedInputsOf,
  type Schema,
  type Schemas,
} from "./schema.ts";
import { sharedState } from "./state.ts";
import { tagValue, untagValue } from "../../wire/literals/tagged.ts";
import type { CallArguments } from "./task.ts";

export interface TraceDefinition {
  readonly name: string;
  readonly interface: CompiledInterface;
  readonly fn: (inputs: never) => unknown;
  /** The author's function: an edited one runs again. */
  readonly source: AuthorFunction;
}

/**
 * With a name alone, arguments and result are kept exactly: JSON values, `undefined`, dates, bigints, maps, sets, bytes,
 * files and folders. Whatever would not be the same in the next attempt is refused by its path, such as an object of a
 * class:
 *
 *     const search = flyte.trace("search", async (query: string) => …);
 *
 * With schemas, as a task's: named, typed, validated:
 *
 *     const plan = flyte.trace({ name: "plan", inputs: { goal: z.string() }, output: Plan }, async ({ goal }) => …);
 *
 * Outside a running task the function is simply called.
 */
export function trace<const I extends Schemas, O extends Schema>(
  options: { readonly name: string; readonly inputs: I; readonly output: O },
  fn: (inputs: ParsedInputsOf<I>) => InferInput<O> | Promise<InferInput<O>>,
): (...call: CallArguments<InputsOf<I>>) => Promise<InferOutput<O>>;
export function trace<A extends unknown[], R>(
  name: string,
  fn: (...args: A) => R | Promise<R>,
): (...args: A) => Promise<R>;
export function trace(
  nameOrOptions: string | { readonly name: string; readonly inputs: Schemas; readonly output: Schema },
  fn: (...args: never[]) => unknown,
): (...args: unknown[]) => Promise<unknown> {
  if (typeof nameOrOptions === "string")
    return positionalTrace(nameOrOptions, fn as (...args: unknown[]) => unknown);
  const { name } = nameOrOptions;
  const definition = define(
    name,
    compileInterface(name, nameOrOptions),
    fn as (inputs: never) => unknown,
    fn,
  );
  return (inputs) => run(definition, (inputs ?? {}) as Record<string, unknown>);
}

function positionalTrace(
  name: string,
  fn: (...args: unknown[]) => unknown,
): (...args: unknown[]) => Promise<unknown> {
  const compiled = compileInterface(name, { inputs: { args: json<unknown[]>() }, output: json() });
  const wrapped = async ({ args }: { args: readonly unknown[] }): Promise<unknown> => ({
    result: tagValue(await fn(...args.map(untagValue)), `${name}, result`),
  });
  const definition = define(name, compiled, wrapped as (inputs: never) => unknown, fn);
  return async (...args) => {
    if (sharedState().storage.getStore() === undefined) return fn(...args);
    const tagged = args.map((argument, index) => tagValue(argument, `${name}, argument ${index + 1}`));
    const { result } = (await run(definition, { args: tagged })) as { result: unknown };
    return untagValue(result);
  };
}

function define(
  name: string,
  compiled: CompiledInterface,
  fn: (inputs: never) => unknown,
  source: AuthorFunction,
): TraceDefinition {
  refuseHiddenSource(`trace ${name}`, source, "wrap it: (...inputs) => bound(...inputs)");
  return { name, interface: compiled, fn, source };
}

async function run(definition: TraceDefinition, inputs: Readonly<Record<string, unknown>>): Promise<unknown> {
  const active = sharedState().storage.getStore();
  if (active === undefined) return definition.fn(inputs as never);
  return active.controller.trace(definition, inputs, active);
}
