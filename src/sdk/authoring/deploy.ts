/** Deployment: stores a version of the tasks on the server, from where they can be run. */
import { refuseInContainer } from "./config.ts";
import type { TaskEnvironment } from "./task-environment.ts";

export interface DeployOptions {
  /** See RunOptions. @default "loaded_modules" */
  readonly copyStyle?: "none" | "loaded_modules" | "all";
  /** Required with copyStyle "none". @default a hash of the code bundle */
  readonly version?: string;
  readonly project?: string;
  readonly domain?: string;
}

export interface DeployedTask {
  readonly name: string;
  readonly version: string;
  /** False if this version existed already. */
  readonly created: boolean;
  readonly url: string;
}

/** Deploys the tasks of the environments and of those they depend on. Images are built first where needed. */
export async function deploy(
  environments: TaskEnvironment | readonly TaskEnvironment[],
  options: DeployOptions = {},
): Promise<readonly DeployedTask[]> {
  refuseInContainer("deploy");
  const { deployEnvironments } = await import("../start/deployment.ts");
  return deployEnvironments("name" in environments ? [environments] : environments, options);
}
