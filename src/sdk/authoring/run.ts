/** Starting runs: `flyte.run(task, inputs)`, or with settings, `flyte.withRunContext({…}).run(task, inputs)`. */
import { refuseWhileImporting } from "./config.ts";
import type { LocalOptions } from "../local/options.ts";
import type { Run } from "./run-handle.ts";
import type { CallArguments, Task } from "./task.ts";
import { TASK } from "./task.ts";

/** Settings of a whole run. */
export interface RunSettings {
  /** The name of the run; starting another by that name is an error. @default a new one */
  readonly name?: string;
  readonly project?: string;
  readonly domain?: string;
  /** Environment variables for every action of the run. */
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Key-value pairs that every task of the run finds in its context. */
  readonly customContext?: Readonly<Record<string, string>>;
  readonly interruptible?: boolean;
  readonly queue?: string;
  /** The maximum number of concurrent actions of the run. */
  readonly maxActionConcurrency?: number;
  /** Ignore cached results, and replace them by the new ones. */
  readonly overwriteCache?: boolean;
  readonly cacheLookupScope?: "global" | "project-domain";
  /** The URI prefix for the contents of File and Dir outputs; on a server, a folder of the own project and domain. */
  readonly rawDataPath?: string;
}

export interface RunOptions extends RunSettings, Pick<LocalOptions, "signals" | "remoteTasks"> {
  /**
   * "local": in this process, without a server.
   * @default that of the run in which it is started, otherwise "remote" if the configuration names a server
   */
  readonly mode?: "remote" | "local";
  /**
   * How the code gets into the containers. "none": it is in the images, and `version` is required;
   * "loaded_modules": the modules of the tasks and what they import from your files; "all": the whole
   * root folder, without hidden files and what git ignores. Inside a task it is the code of that task, and this is
   * not accepted. @default "loaded_modules"
   */
  readonly copyStyle?: "none" | "loaded_modules" | "all";
  /** @default a hash of the code bundle */
  readonly version?: string;
}

export interface Runner {
  /** Starts a run and resolves once the server has accepted it. */
  run<In, Out>(task: Task<In, Out>, ...call: CallArguments<In>): Promise<Run<Out>>;
}

/** Settings for runs: `withRunContext({ copyStyle: "none", version: "1" }).run(task, inputs)`. */
export function withRunContext(options: RunOptions): Runner {
  return {
    run: async <In, Out>(task: Task<In, Out>, ...[inputs]: CallArguments<In>): Promise<Run<Out>> => {
      refuseWhileImporting("run");
      const { startRun } = await import("../start/start-run.ts");
      const started = await startRun(
        task[TASK],
        (inputs ?? {}) as Readonly<Record<string, unknown>>,
        options,
      );
      return started as Run<Out>;
    },
  };
}

/**
 * `withRunContext({}).run(task, inputs)`. Inside a task the run is one of its own, with the images and
 * the code of the task that starts it, and on record as started by that task's run.
 */
export function run<In, Out>(task: Task<In, Out>, ...call: CallArguments<In>): Promise<Run<Out>> {
  return withRunContext({}).run(task, ...call);
}
