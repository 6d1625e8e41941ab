/** Finds a deployed task on the server, and checks its interface against the declared one. */
import { Code, type Client } from "@connectrpc/connect";
import type { CompiledInput, CompiledInterface, CompiledOutput } from "./interface.ts";
import { declaredOver, differencesOf } from "./declared-interface.ts";
import { RemoteTaskError } from "./errors.ts";
import type { TaskReference } from "./task.ts";
import { connectCodeOf } from "../../client/server-error.ts";
import { decodeLiteral } from "../../wire/literals/decode.ts";
import { decodeLiteralType } from "../../wire/literals/literal-type.ts";
import type { WireType } from "../../wire/literals/wire-type.ts";
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
  const { declared } = reference;
  if (declared === undefined) return { id, spec, interface: deployed };
  const problems = differencesOf(declared, deployed, spec);
  if (problems.length > 0) {
    const named = `the deployed task ${reference.name}, version ${version},`;
    throw new RemoteTaskError(`${named} is not what was declared: ${problems.join("; ")}`);
  }
  return { id, spec, interface: declaredOver(declared, deployed) };
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
    isElsewhere: true,
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
