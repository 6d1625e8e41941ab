/** A task: a function that runs in its environment's container, wherever it is called from. */
import { fileURLToPath } from "node:url";
import type { CompiledInterface } from "./interface.ts";
import { mergeOptions, requireSleepSettings, type ExecutionOptions } from "./options.ts";
import { sharedState } from "./state.ts";
import type { TaskContext } from "./task-context.ts";
import type { TaskEnvironment } from "./task-environment.ts";
import { TaskInTraceError } from "./errors.ts";

/** An argument that may be left out when every input may. */
export type CallArguments<In> = Record<never, never> extends In ? [inputs?: In] : [inputs: In];

/** The key of what is behind a task; the same in two copies of the package. */
export const TASK: unique symbol = Symbol.for("boxkite.task");

/** A function: inside a running task a call is an action of its own; elsewhere it runs in this process, in local mode. */
export interface Task<In, Out> {
  (...call: CallArguments<In>): Promise<Out>;
  /** `<environment>.<name>`, as the server, the console and the CLI know it. */
  readonly fullName: string;
  /** The same task with other settings: `train.override({ resources: { memory: "8Gi" } })`. */
  override(options: TaskOverride): Task<In, Out>;
  /** Calls the function itself: no action, no validation, no record. */
  forward(...call: CallArguments<In>): Promise<Out>;
  readonly [TASK]: TaskDefinition | TaskReference;
}

export interface TaskOverride extends ExecutionOptions {
  /** Shown in the console instead of the task's name. */
  readonly shortName?: string;
}

/** A task whose code is here. */
export interface TaskDefinition {
  readonly defined: "here";
  /** What is behind it: a function, or only time that passes. */
  readonly kind: "function" | "sleep";
  readonly environment: TaskEnvironment;
  readonly name: string;
  readonly shortName: string;
  readonly fullName: string;
  readonly description: string;
  readonly interface: CompiledInterface;
  readonly options: ExecutionOptions;
  /** The action writes a report. */
  readonly report: boolean;
  readonly fn: (inputs: never, context: TaskContext) => unknown;
  /** The file that defines the task. */
  readonly modulePath: string;
}

/** A deployed task, of any language. */
export interface TaskReference {
  readonly defined: "elsewhere";
  readonly name: string;
  readonly project: string | undefined;
  readonly domain: string | undefined;
  readonly version: { readonly exact: string } | { readonly auto: "latest" | "current" };
  /** What the author declared; checked against the deployed interface at the first use. */
  readonly declared: CompiledInterface | undefined;
  readonly options: TaskOverride;
}

export function isTask(value: unknown): value is Task<never, unknown> {
  return typeof value === "function" && TASK in value;
}

/** The definition behind a task whose code is here; throws TypeError for a remote reference. */
export function definitionOf(task: Task<never, unknown> | Task<never, never>): TaskDefinition {
  const definition = (task as Task<never, unknown>)[TASK];
  if (definition.defined !== "here")
    throw new TypeError(`${definition.name} is a reference to a deployed task`);
  return definition;
}

export function createTask<In, Out>(definition: TaskDefinition): Task<In, Out> {
  return assemble<In, Out>(
    definition,
    definition.fullName,
    (inputs) => callDefinition(definition, inputs) as Promise<Out>,
    (override) => {
      if (definition.kind === "sleep") requireSleepSettings(definition.fullName, override);
      return createTask<In, Out>({
        ...definition,
        options: mergeOptions(definition.options, override),
        shortName: override.shortName ?? definition.shortName,
      });
    },
    async (inputs) => {
      const { contextOrDetached } = await import("./context.ts");
      return (await definition.fn(inputs as never, contextOrDetached(definition.fullName))) as Out;
    },
  );
}

/** Puts the parts of a task together; the result is a function with properties. */
export function assemble<In, Out>(
  definition: TaskDefinition | TaskReference,
  fullName: string,
  call: (inputs: Readonly<Record<string, unknown>>) => Promise<Out>,
  override: (options: TaskOverride) => Task<In, Out>,
  forward: (inputs: Readonly<Record<string, unknown>>) => Promise<Out>,
): Task<In, Out> {
  const task = (...[inputs]: CallArguments<In>): Promise<Out> =>
    call((inputs ?? {}) as Readonly<Record<string, unknown>>);
  Object.defineProperty(task, "name", { value: fullName });
  return Object.assign(task, {
    fullName,
    override,
    forward: (...[inputs]: CallArguments<In>): Promise<Out> =>
      forward((inputs ?? {}) as Readonly<Record<string, unknown>>),
    [TASK]: definition,
  });
}

async function callDefinition(
  definition: TaskDefinition,
  inputs: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const active = sharedState().storage.getStore();
  if (active === undefined) {
    const { runInProcess } = await import("../local/run.ts");
    return (await runInProcess(definition, inputs, {})).outputs;
  }
  if (active.inTrace) throw new TaskInTraceError(definition.fullName, active.scope.name);
  return active.controller.call(definition, inputs, active);
}

/** The file of the nearest caller outside this package's own folder. */
export function callerPath(): string {
  const own = import.meta.dirname;
  // oxlint-disable-next-line typescript/unbound-method -- put back as it was, not called
  const original = Error.prepareStackTrace;
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = 30;
    Error.prepareStackTrace = (_error, sites) => sites;
    const sites = new Error().stack as unknown as NodeJS.CallSite[];
    for (const site of sites) {
      const name = site.getFileName();
      if (typeof name !== "string" || name.startsWith("node:")) continue;
      const path = name.startsWith("file:") ? fileURLToPath(name) : name;
      if (!path.startsWith(own) || path.endsWith(".test.ts")) return path;
    }
  } finally {
    Error.prepareStackTrace = original;
    Error.stackTraceLimit = limit;
  }
  throw new Error("cannot tell which file defines the task; pass module: import.meta.filename");
}
