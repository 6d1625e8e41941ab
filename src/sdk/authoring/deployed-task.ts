/** Finds a deployed task on the server, and checks its interface against the declared one. */
import { Code, type Client } from "@connectrpc/connect";
import type { CompiledInput, CompiledInterface, CompiledOutput } from "./interface.ts";
import { RemoteTaskError } from "./errors.ts";
import type { TaskReference } from "./task.ts";
import { connectCodeOf } from "../../client/server-error.ts";
import { decodeLiteral } from "../../wire/literals/decode.ts";
import { decodeLiteralType, describeWireType, isAssignable } from "../../wire/literals/literal-type.ts";
import { unionOf, type WireType } from "../../wire/literals/wire-type.ts";
import { Filter_Function } from "../../wire/gen/flyteidl2/common/list_pb.js";
import { Sort_Direction } from "../../wire/gen/flyteidl2/common/list_pb.js";
import type { TaskIdentifier, TaskSpec } from "../../wire/gen/flyteidl2/task/task_definition_pb.js";
import type { TaskService } from "../../wire/gen/flyteidl2/task/task_service_pb.js";

export interface DeployedTaskDetails {
  readonly id: TaskIdentifier;
  readonly spec: TaskSpec;
  /** The declared interface where there is one, else the deployed one. */
  readonly interface: CompiledInterface;
}

export interface LookupScope {
  readonly org: string;
  readonly project: string;
  readonly domain: string;
  /** What autoVersion "current" means; undefined outside a task. */
  readonly currentVersion: string | undefined;
}

/** Throws RemoteTaskError if there is no such task, or if its interface does not fit the declared one. */
export async function findDeployedTask(
  tasks: Client<typeof TaskService>,
  reference: TaskReference,
  scope: LookupScope,
): Promise<DeployedTaskDetails> {
  const project = reference.project ?? scope.project;
  const domain = reference.domain ?? scope.domain;
  const where = { org: scope.org, project, domain, name: reference.name };
  const version = await versionOf(tasks, reference, where, scope);
  const details = await tasks.getTaskDetails({ taskId: { ...where, version } }).catch((cause: unknown) => {
    throw notFound(cause, `${reference.name}, version ${version}, in ${project}/${domain}`);
  });
  const spec = details.details?.spec;
  const id = details.details?.taskId;
  if (spec?.taskTemplate === undefined || id === undefined) {
    throw new RemoteTaskError(`the server has no specification of ${reference.name} ${version}`);
  }
  const deployed = compileDeployed(reference.name, spec);
  if (reference.declared !== undefined) checkDeclared(reference.name, reference.declared, deployed);
  return { id, spec, interface: reference.declared ?? deployed };
}

async function versionOf(
  tasks: Client<typeof TaskService>,
  reference: TaskReference,
  where: { readonly org: string; readonly project: string; readonly domain: string; readonly name: string },
  scope: LookupScope,
): Promise<string> {
  if ("exact" in reference.version) return reference.version.exact;
  if (reference.version.auto === "current") {
    if (scope.currentVersion === undefined) {
      throw new RemoteTaskError(
        `${reference.name}: autoVersion "current" is the version of the calling task; there is none here`,
      );
    }
    return scope.currentVersion;
  }
  const listed = await tasks.listTasks({
    request: {
      limit: 1,
      sortBy: { key: "created_at", direction: Sort_Direction.DESCENDING },
      filters: [{ function: Filter_Function.EQUAL, field: "name", values: [where.name] }],
    },
    scopeBy: {
      case: "projectId",
      value: { organization: where.org, name: where.project, domain: where.domain },
    },
  });
  const version = listed.tasks[0]?.taskId?.version;
  if (version === undefined) throw notFound(undefined, `${where.name} in ${where.project}/${where.domain}`);
  return version;
}

function notFound(cause: unknown, what: string): unknown {
  if (cause !== undefined && connectCodeOf(cause) !== Code.NotFound) return cause;
  return new RemoteTaskError(`there is no deployed task ${what}`, { cause });
}

/** The deployed interface; it has no schemas, so values are checked by type only. */
export function compileDeployed(name: string, spec: TaskSpec): CompiledInterface {
  const typed = spec.taskTemplate?.interface;
  const defaults = new Map(
    spec.defaultInputs.map((parameter) => [parameter.name, parameter.parameter?.behavior]),
  );
  const inputs = (typed?.inputs?.variables ?? []).map((variable): CompiledInput => {
    const type = typeOf(name, variable.key, variable.value?.type);
    const behavior = defaults.get(variable.key);
    const value =
      behavior?.case === "default"
        ? { value: decodeLiteral(behavior.value, type, `${name}, default of ${variable.key}`) }
        : undefined;
    return {
      name: variable.key,
      type,
      schema: undefined,
      description: variable.value?.description ?? "",
      optional: false,
      ...(value === undefined ? {} : { defaultValue: value }),
    };
  });
  const outputs = (typed?.outputs?.variables ?? []).map((variable): CompiledOutput => ({
    name: variable.key,
    type: typeOf(name, variable.key, variable.value?.type),
    schema: undefined,
    description: variable.value?.description ?? "",
    optional: false,
  }));
  return {
    inputs,
    outputs,
    shape: outputs.length === 0 ? "none" : outputs.length === 1 ? "single" : "named",
  };
}

function typeOf(
  task: string,
  variable: string,
  type: Parameters<typeof decodeLiteralType>[0] | undefined,
): WireType {
  if (type === undefined) throw new RemoteTaskError(`${task}: ${variable} has no type`);
  return decodeLiteralType(type);
}

/** Declared inputs may be narrower than deployed and outputs wider; inputs with a default may be omitted. */
function checkDeclared(name: string, declared: CompiledInterface, deployed: CompiledInterface): void {
  const problems: string[] = [];
  const byName = new Map(deployed.inputs.map((input) => [input.name, input]));
  for (const input of declared.inputs) {
    const target = byName.get(input.name);
    byName.delete(input.name);
    if (target === undefined) problems.push(`it has no input ${input.name}`);
    else if (!isAssignable(withoutNone(input.type, input.optional), target.type)) {
      problems.push(
        `input ${input.name} is ${describeWireType(target.type)}, declared as ${describeWireType(input.type)}`,
      );
    }
  }
  for (const input of byName.values()) {
    if (input.defaultValue === undefined) problems.push(`its input ${input.name} is not declared`);
  }
  if (declared.shape === "none" && deployed.shape !== "none") return report(name, problems);
  const outputs = new Map(deployed.outputs.map((output) => [output.name, output]));
  for (const output of declared.outputs) {
    const source = outputs.get(output.name);
    if (source === undefined) problems.push(`it has no output ${output.name}`);
    else if (!isAssignable(source.type, output.type)) {
      problems.push(
        `output ${output.name} is ${describeWireType(source.type)}, declared as ${describeWireType(output.type)}`,
      );
    }
  }
  report(name, problems);
}

function report(name: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new RemoteTaskError(`the deployed task ${name} is not what was declared: ${problems.join("; ")}`);
}

/** An optional input is a union with none here; without a value the deployed default applies. */
function withoutNone(type: WireType, optional: boolean): WireType {
  if (!optional || type.kind !== "union") return type;
  return unionOf(type.variants.filter((variant) => variant.kind !== "none"));
}
