/**
 * Local mode: a run in this process, without a server. Values are validated, encoded and decoded as between
 * containers, so that what works here works there.
 */
import type { LocalOptions } from "./options.ts";
import { LocalOrchestrator } from "./orchestrator.ts";
import type { TaskDefinition } from "../authoring/task.ts";

export interface LocalResult {
  readonly outputs: unknown;
  /** Holds reports, checkpoints and files of the run; created at the first use. */
  readonly directory: () => string;
}

/** Runs a task in this process. Rejects with the task's error, as a caller in another container would see it. */
export async function runInProcess(
  definition: TaskDefinition,
  inputs: Readonly<Record<string, unknown>>,
  options: LocalOptions,
): Promise<LocalResult> {
  const orchestrator = new LocalOrchestrator(options);
  const outputs = await orchestrator.start(definition, inputs);
  return { outputs, directory: () => orchestrator.directory };
}
