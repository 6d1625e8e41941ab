/** Runs on a server. */
import { targetOfRun, type InitializedConfig, type RunScope } from "../authoring/config.ts";
import { controlPlaneOf } from "./control-plane.ts";
import { findDeployedTask } from "../authoring/deployed-task.ts";
import type { CompiledInterface } from "../authoring/interface.ts";
import { overrideSpec } from "../authoring/override-spec.ts";
import { prepare } from "./prepare.ts";
import type { RemoteRun } from "./remote-handle.ts";
import type { RunOptions } from "../authoring/run.ts";
import { encodeRunSpec, type Origin } from "./run-spec.ts";
import { submitRun, type RunTarget } from "./submit-run.ts";
import type { TaskDefinition, TaskReference } from "../authoring/task.ts";
import { encodeTaskSpec } from "../authoring/task-spec.ts";
import { encodeInputs } from "../authoring/values.ts";
import { BoxkiteError } from "../../domain/errors.ts";

/** Resolves once the server has stored the run. Throws RUN_EXISTS if the chosen name is taken. */
export async function startRemoteRun(
  task: TaskDefinition | TaskReference,
  inputs: Readonly<Record<string, unknown>>,
  options: RunOptions,
  config: InitializedConfig,
): Promise<RemoteRun> {
  refuseLocalOptions(options);
  const scope = targetOfRun(config, options);
  const controlPlane = await controlPlaneOf(config);
  const found = await targetOf(task, options, config, scope);
  const taskName = task.defined === "here" ? task.fullName : task.name;
  return submitRun(controlPlane, {
    scope,
    name: options.name,
    taskName,
    target: found.target,
    interface: found.interface,
    inputs: await encodeInputs(taskName, found.interface, inputs, options.customContext),
    spec: encodeRunSpec(withQueueOf(task, options), spawnedIn(config, scope)),
  });
}

/** Throws INVALID_ARGUMENT for what only a local run can do. */
function refuseLocalOptions({ signals, remoteTasks }: RunOptions): void {
  const refuse = (name: string, hint: string): never => {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `${name} is an option of local runs, and this one is on a server`,
      {
        hint,
      },
    );
  };
  if (signals !== undefined) refuse("signals", 'answer with run.signal(name, value), or pass mode: "local"');
  if (remoteTasks !== undefined) refuse("remoteTasks", 'deploy the tasks, or pass mode: "local"');
}

/** The queue of the root action is the run's, otherwise the task's. */
function withQueueOf(
  { options: { queue } }: TaskDefinition | TaskReference,
  options: RunOptions,
): RunOptions {
  return queue === undefined ? options : { queue, ...options };
}

async function targetOf(
  task: TaskDefinition | TaskReference,
  options: RunOptions,
  config: InitializedConfig,
  scope: RunScope,
): Promise<{ target: RunTarget; interface: CompiledInterface }> {
  if (task.defined === "elsewhere") {
    const controlPlane = await controlPlaneOf(config);
    const currentVersion = config.parentRun?.settings.version;
    const details = await findDeployedTask(controlPlane.tasks, task, { ...scope, currentVersion });
    const target: RunTarget =
      Object.keys(task.options).length === 0
        ? { case: "taskId", value: details.id }
        : { case: "taskSpec", value: overrideSpec(details.spec, task.options) };
    return { target, interface: details.interface };
  }
  const settings = await prepare([task.environment], options, config);
  return { target: { case: "taskSpec", value: encodeTaskSpec(task, settings) }, interface: task.interface };
}

/** The run whose task starts this one; recorded only within one project and domain, as in Python. */
function spawnedIn({ parentRun }: InitializedConfig, scope: RunScope): Origin | undefined {
  if (parentRun === undefined) return undefined;
  const { project, domain } = parentRun.settings;
  if (project !== scope.project || domain !== scope.domain) return undefined;
  return { kind: "spawn", run: { ...scope, name: parentRun.run } };
}
