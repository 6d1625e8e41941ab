import { Code } from "@connectrpc/connect";
import { currentConfig } from "../authoring/config.ts";
import { controlPlaneOf } from "./control-plane.ts";
import type { DeployedTask, DeployOptions } from "../authoring/deploy.ts";
import { prepare } from "./prepare.ts";
import { definitionOf } from "../authoring/task.ts";
import { environmentClosure, type TaskEnvironment } from "../authoring/task-environment.ts";
import { encodeTaskSpec } from "../authoring/task-spec.ts";
import { connectCodeOf } from "../../client/server-error.ts";

export async function deployEnvironments(
  environments: readonly TaskEnvironment[],
  options: DeployOptions,
): Promise<readonly DeployedTask[]> {
  const config = await currentConfig();
  const controlPlane = await controlPlaneOf(config);
  const tasks = environmentClosure(environments).flatMap((environment) => environment.tasks);
  if (tasks.length === 0) {
    const names = environments.map((environment) => environment.name).join(", ");
    // Usually only the file with the environments was imported, not the one with the tasks.
    throw new TypeError(`${names}: no task is defined; import the modules that define them before deploying`);
  }
  const settings = await prepare(environments, options, config);
  return Promise.all(
    tasks.map(async (task): Promise<DeployedTask> => {
      const definition = definitionOf(task);
      const { org, project, domain, version } = settings;
      const taskId = { org, project, domain, name: definition.fullName, version };
      const created = await controlPlane.tasks
        .deployTask({ taskId, spec: encodeTaskSpec(definition, settings) })
        .then(
          () => true,
          (error: unknown) => {
            if (connectCodeOf(error) === Code.AlreadyExists) return false;
            throw error;
          },
        );
      const url = `${controlPlane.origin}/v2/domain/${domain}/project/${project}/tasks/${definition.fullName}`;
      return { name: definition.fullName, version, created, url };
    }),
  );
}
