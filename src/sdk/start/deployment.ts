import { Code } from "@connectrpc/connect";
import { currentConfig } from "../authoring/config.ts";
import { controlPlaneOf } from "./control-plane.ts";
import type { DeployedTask, DeployOptions } from "../authoring/deploy.ts";
import { prepare } from "./prepare.ts";
import { sharedState } from "../authoring/state.ts";
import { definitionOf, type TaskDefinition } from "../authoring/task.ts";
import { environmentClosure, type TaskEnvironment } from "../authoring/task-environment.ts";
import { encodeTaskSpec, type SpecSettings } from "../authoring/task-spec.ts";
import type { ControlPlane } from "../../client/control-plane.ts";
import { taskUrl } from "../../client/endpoint.ts";
import { connectCodeOf } from "../../client/server-error.ts";
import type { TaskIdentifier } from "../../wire/gen/flyteidl2/task/task_definition_pb.js";

export async function deployEnvironments(
  environments: readonly TaskEnvironment[],
  options: DeployOptions,
): Promise<readonly DeployedTask[]> {
  sharedState().onStart?.(environments);
  const config = await currentConfig();
  const controlPlane = await controlPlaneOf(config);
  const tasks = environmentClosure(environments).flatMap((environment) => environment.tasks);
  if (tasks.length === 0) {
    const names = environments.map((environment) => environment.name).join(", ");
    // Usually only the file with the environments was imported, not the one with the tasks.
    throw new TypeError(`${names}: no task is defined; import the modules that define them before deploying`);
  }
  const settings = await prepare(environments, options, config);
  return Promise.all(tasks.map((task) => deployTask(controlPlane, definitionOf(task), settings)));
}

/** Leaves a version alone that exists. */
export async function deployTask(
  controlPlane: ControlPlane,
  definition: TaskDefinition,
  settings: SpecSettings,
): Promise<DeployedTask> {
  const { fullName } = definition;
  const { org, project, domain, version } = settings;
  const taskId = { org, project, domain, name: fullName, version };
  const existed = await isDeployed(controlPlane, taskId);
  if (!existed) {
    const spec = encodeTaskSpec(definition, settings);
    await controlPlane.tasks.deployTask({ taskId, spec }).catch((error: unknown) => {
      // The call was repeated because the answer to an earlier one was lost, or someone else was faster.
      if (connectCodeOf(error) !== Code.AlreadyExists) throw error;
    });
  }
  return { name: fullName, version, created: !existed, url: taskUrl(controlPlane.origin, taskId) };
}

type TaskId = Omit<TaskIdentifier, "$typeName" | "$unknown">;

async function isDeployed({ tasks }: ControlPlane, taskId: TaskId): Promise<boolean> {
  return tasks.getTaskDetails({ taskId }).then(
    () => true,
    (error: unknown) => {
      if (connectCodeOf(error) === Code.NotFound) return false;
      throw error;
    },
  );
}
