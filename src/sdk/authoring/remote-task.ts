/** References to deployed tasks of any language, called like own tasks. */
import { compileReference } from "./interface.ts";
import { mergeOptions } from "./options.ts";
import type { InferOutput, InputsOf, OutputsOf, Schema, Schemas } from "./schema.ts";
import { sharedState } from "./state.ts";
import { assemble, type Task, type TaskReference } from "./task.ts";
import { TaskInTraceError } from "./errors.ts";

/**
 * The deployed tasks that are known by type. Augment it:
 *
 *     declare module "boxkite" {
 *       interface RemoteTasks { "training.train": Task<{ processed: string }, number> }
 *     }
 */
// oxlint-disable-next-line typescript/no-empty-object-type -- made to be augmented
export interface RemoteTasks {}

interface BaseOptions {
  /** "latest": the version deployed last; "current": the version of the calling task. @default "latest" */
  readonly autoVersion?: "latest" | "current";
  /** One version, instead of autoVersion. */
  readonly version?: string;
  /** @default the project of the run */
  readonly project?: string;
  /** @default the domain of the run */
  readonly domain?: string;
}

export type RemoteTaskOptions = BaseOptions & {
  readonly inputs?: Schemas;
  readonly output?: Schema;
  readonly outputs?: Schemas;
};

/** A task known by type through RemoteTasks. */
export function remoteTask<N extends Extract<keyof RemoteTasks, string>>(
  name: N,
  options?: BaseOptions,
): RemoteTasks[N];
/** A task whose types are declared here; they are compared with the deployed interface at the first call. */
export function remoteTask<const I extends Schemas = Record<never, never>, const O extends Schema = Schema>(
  name: string,
  options: BaseOptions & { readonly inputs?: I; readonly output: O; readonly outputs?: never },
): Task<InputsOf<I>, InferOutput<O>>;
export function remoteTask<const I extends Schemas = Record<never, never>, const O extends Schemas = Schemas>(
  name: string,
  options: BaseOptions & { readonly inputs?: I; readonly outputs: O; readonly output?: never },
): Task<InputsOf<I>, OutputsOf<O>>;
/** A task whose types only the server knows: values are checked against the deployed interface when it is called. */
export function remoteTask(
  name: string,
  options?: BaseOptions & { readonly inputs?: never; readonly output?: never; readonly outputs?: never },
): Task<Record<string, unknown>, unknown>;
export function remoteTask(name: string, options: RemoteTaskOptions = {}): Task<never, unknown> {
  if (!name.includes("."))
    throw new TypeError(`${name}: the name of a deployed task is <environment>.<task>`);
  const declared =
    options.inputs !== undefined || options.output !== undefined || options.outputs !== undefined;
  return createReference({
    defined: "elsewhere",
    name,
    project: options.project,
    domain: options.domain,
    version:
      options.version === undefined ? { auto: options.autoVersion ?? "latest" } : { exact: options.version },
    declared: declared ? compileReference(name, options) : undefined,
    options: {},
  });
}

function createReference(reference: TaskReference): Task<never, unknown> {
  const call = async (inputs: Readonly<Record<string, unknown>>): Promise<unknown> => {
    const active = sharedState().storage.getStore();
    if (active === undefined) {
      const { startRun } = await import("../start/start-run.ts");
      return (await startRun(reference, inputs, {})).outputs();
    }
    if (active.inTrace) throw new TaskInTraceError(reference.name, active.scope.name);
    return active.controller.callReference(reference, inputs, active);
  };
  return assemble<never, unknown>(
    reference,
    reference.name,
    call,
    (override) => {
      const shortName = override.shortName ?? reference.options.shortName;
      const options = mergeOptions(reference.options, override);
      return createReference({
        ...reference,
        options: shortName === undefined ? options : { ...options, shortName },
      });
    },
    () => Promise.reject(new TypeError(`${reference.name} is deployed elsewhere: its function is not here`)),
  );
}

/** A reference without declared types, for the SDK's own use. */
export function createReferenceDefinition(name: string, project: string, domain: string): TaskReference {
  return {
    defined: "elsewhere",
    name,
    project,
    domain,
    version: { auto: "latest" },
    declared: undefined,
    options: {},
  };
}
