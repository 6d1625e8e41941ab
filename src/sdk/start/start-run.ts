/** Starts a run in this process or on the server. */
import { effectiveConfig } from "../authoring/config.ts";
import { startLocalRun } from "../local/handle.ts";
import type { RunOptions } from "../authoring/run.ts";
import type { Run } from "../authoring/run-handle.ts";
import { sharedState } from "../authoring/state.ts";
import type { TaskDefinition, TaskReference } from "../authoring/task.ts";

export async function startRun(
  task: TaskDefinition | TaskReference,
  inputs: Readonly<Record<string, unknown>>,
  options: RunOptions,
): Promise<Run<unknown>> {
  sharedState().onStart?.([]);
  const config = await effectiveConfig();
  const parentMode = sharedState().storage.getStore()?.mode;
  const mode = options.mode ?? parentMode ?? (config.endpoint === undefined ? "local" : "remote");
  if (mode === "local") {
    if (task.defined === "elsewhere") {
      throw new TypeError(`${task.name} is deployed elsewhere; it cannot be the first task of a local run`);
    }
    return startLocalRun(task, inputs, options);
  }
  const { startRemoteRun } = await import("./remote-run.ts");
  return startRemoteRun(task, inputs, options, config);
}
