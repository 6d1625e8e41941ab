/** Runs on a server. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { InitializedConfig } from "./config.ts";
import { controlPlaneOf } from "./control-plane.ts";
import { requireTarget } from "./config.ts";
import { findDeployedTask } from "./deployed-task.ts";
import type { CompiledInterface } from "./interface.ts";
import { overrideSpec } from "./override-spec.ts";
import { prepare } from "./prepare.ts";
import { RemoteRun } from "./remote-handle.ts";
import type { RunOptions } from "./run.ts";
import type { Run } from "./run-handle.ts";
import type { TaskDefinition, TaskReference } from "./task.ts";
import { encodeTaskSpec } from "./task-spec.ts";
import { encodeInputs } from "./values.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { CacheLookupScope } from "../wire/gen/flyteidl2/task/run_pb.js";
import type { TaskIdentifier, TaskSpec } from "../wire/gen/flyteidl2/task/task_definition_pb.js";

type Target =
  | { readonly case: "taskSpec"; readonly value: TaskSpec }
  | { readonly case: "taskId"; readonly value: TaskIdentifier };

/** Resolves once the server has the run on record. Throws RUN_EXISTS if the chosen name is taken. */
export async function startRemoteRun(
  task: TaskDefinition | TaskReference,
  inputs: Readonly<Record<string, unknown>>,
  options: RunOptions,
  config: InitializedConfig,
): Promise<Run<unknown>> {
  const controlPlane = await controlPlaneOf(config);
  const { project, domain } = requireTarget({
    ...config,
    project: options.project ?? config.project,
    domain: options.domain ?? config.domain,
  });
  const { org } = config;
  const found = await targetOf(task, options, config, { org, project, domain });
  const name = task.defined === "here" ? task.fullName : task.name;
  const message = await encodeInputs(name, found.interface, inputs, options.customContext);
  const id =
    options.name === undefined
      ? { case: "projectId" as const, value: { organization: org, name: project, domain } }
      : { case: "runId" as const, value: { org, project, domain, name: options.name } };
  const uploaded = await controlPlane.data.uploadInputs({ id, task: found.target, inputs: message });
  const created = await controlPlane.runs
    .createRun({
      id,
      task: found.target,
      inputWrapper:
        uploaded.offloadedInputData === undefined
          ? { case: "inputs", value: message }
          : { case: "offloadedInputData", value: uploaded.offloadedInputData },
      runSpec: encodeRunSpec(options),
    })
    .catch((cause: unknown) => {
      const { code } = ConnectError.from(cause);
      if (code === Code.AlreadyExists) {
        throw new BoxkiteError(
          "RUN_EXISTS",
          `a run named ${options.name} exists already in ${project}/${domain}`,
          { cause },
        );
      }
      throw cause;
    });
  const run = created.run?.action?.id?.run;
  if (run === undefined) throw new Error("the server accepted the run but did not say its name");
  return new RemoteRun(controlPlane, run, name, found.interface);
}

async function targetOf(
  task: TaskDefinition | TaskReference,
  options: RunOptions,
  config: InitializedConfig,
  scope: { readonly org: string; readonly project: string; readonly domain: string },
): Promise<{ target: Target; interface: CompiledInterface }> {
  if (task.defined === "elsewhere") {
    const controlPlane = await controlPlaneOf(config);
    const details = await findDeployedTask(controlPlane.tasks, task, { ...scope, currentVersion: undefined });
    const target: Target =
      Object.keys(task.options).length === 0
        ? { case: "taskId", value: details.id }
        : { case: "taskSpec", value: overrideSpec(details.spec, task.options) };
    return { target, interface: details.interface };
  }
  const settings = await prepare([task.environment], options, config);
  return { target: { case: "taskSpec", value: encodeTaskSpec(task, settings) }, interface: task.interface };
}

function encodeRunSpec(options: RunOptions): RunSpecInit {
  const scope =
    options.cacheLookupScope === "project-domain" ? CacheLookupScope.PROJECT_DOMAIN : CacheLookupScope.GLOBAL;
  return {
    envs: { values: Object.entries(options.env ?? {}).map(([key, value]) => ({ key, value })) },
    labels: { values: { ...options.labels } },
    annotations: { values: { ...options.annotations } },
    queue: options.queue ?? "",
    maxActionConcurrency: options.maxActionConcurrency ?? 0,
    overwriteCache: options.overwriteCache ?? false,
    cacheConfig: { overwriteCache: options.overwriteCache ?? false, cacheLookupScope: scope },
    ...(options.interruptible === undefined ? {} : { interruptible: options.interruptible }),
    ...(options.rawDataPath === undefined ? {} : { rawDataStorage: { rawDataPrefix: options.rawDataPath } }),
  };
}

interface RunSpecInit {
  envs: { values: { key: string; value: string }[] };
  labels: { values: Record<string, string> };
  annotations: { values: Record<string, string> };
  queue: string;
  maxActionConcurrency: number;
  overwriteCache: boolean;
  cacheConfig: { overwriteCache: boolean; cacheLookupScope: CacheLookupScope };
  interruptible?: boolean;
  rawDataStorage?: { rawDataPrefix: string };
}
