/**
 * What a local run does with each option. The types require an entry for every option, so that none is ignored
 * without a word; docs/typescript/testing.md explains the entries.
 */
import type { ExecutionOptions } from "../authoring/options.ts";
import type { RunOptions } from "../authoring/run.ts";
import type { EnvironmentOptions } from "../authoring/task-environment.ts";
import type { TaskDefinition } from "../authoring/task.ts";

/**
 * `applied`: it has its effect here, too. `moot`: what it is about does not exist here, such as containers, or
 * nothing that it permits is done. `ignored`: a run behaves differently on a server, and standard error says so.
 */
export type Treatment = "applied" | "moot" | "ignored";

export const TASK_OPTIONS = {
  resources: "ignored",
  env: "ignored",
  secrets: "applied",
  cache: "ignored",
  retries: "applied",
  timeout: "applied",
  interruptible: "moot",
  queue: "ignored",
  podTemplate: "moot",
} as const satisfies Record<keyof ExecutionOptions, Treatment>;

const ENVIRONMENT_OPTIONS = {
  ...TASK_OPTIONS,
  name: "applied",
  image: "moot",
  dependsOn: "moot",
  reusable: "ignored",
  warmStart: "moot",
  description: "moot",
  include: "moot",
} as const satisfies Record<keyof EnvironmentOptions, Treatment>;

export const RUN_OPTIONS = {
  name: "applied",
  project: "applied",
  domain: "applied",
  env: "applied",
  labels: "ignored",
  annotations: "ignored",
  customContext: "applied",
  interruptible: "moot",
  queue: "ignored",
  maxActionConcurrency: "ignored",
  overwriteCache: "moot",
  cacheLookupScope: "moot",
  rawDataPath: "applied",
  signals: "applied",
  remoteTasks: "applied",
  mode: "applied",
  copyStyle: "moot",
  version: "applied",
} as const satisfies Record<keyof RunOptions, Treatment>;

/** The options of a task and its environment that are set, and have no effect in a local run. */
export function ignoredTaskOptions({ options, environment }: TaskDefinition): string[] {
  const { cache, ...rest } = options;
  const { reusable } = environment;
  const set = { ...rest, reusable, cache: cache === "disable" ? undefined : cache };
  return ignoredIn(set, ENVIRONMENT_OPTIONS).map((name) => `${name} of a task`);
}

export function ignoredRunOptions(options: RunOptions): string[] {
  return ignoredIn(options, RUN_OPTIONS).map((name) => `${name} of a run`);
}

function ignoredIn(options: object, table: Readonly<Record<string, Treatment>>): string[] {
  const set = Object.entries(options).filter(([, value]) => value !== undefined);
  return set.map(([name]) => name).filter((name) => table[name] === "ignored");
}
