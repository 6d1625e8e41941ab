/**
 * Boxkite for TypeScript authors: `import * as flyte from "boxkite"`.
 *
 * This module is part of what every task container loads, so it stays small: whatever only the
 * starting side needs (configuration, connection, bundles, builders) is imported when it is used.
 */
export { checkpoint } from "./checkpoint.ts";
export { condition, type Condition, type ConditionOptions } from "./condition.ts";
export { init, initFromConfig, type InitOptions } from "./config.ts";
export { currentContext as context, type TaskContext } from "./context.ts";
export { deploy, type DeployedTask, type DeployOptions } from "./deploy.ts";
export type { Duration } from "./duration.ts";
export {
  ActionAbortedError,
  ConditionTimeoutError,
  NonRecoverableError,
  NotInTaskError,
  OutOfMemoryError,
  registerError,
  RemoteTaskError,
  TaskError,
  TaskInTraceError,
  TaskTimeoutError,
} from "./errors.ts";
export { Dir, File } from "./file.ts";
export { group } from "./group.ts";
export { Image, type CloneOptions, type NodeProjectOptions } from "./image.ts";
export { map, type MapOptions, type MapTasks } from "./map.ts";
export type {
  CachePolicy,
  ExecutionOptions,
  Resources,
  RetryPolicy,
  ReusePolicy,
  SecretRequest,
  Timeouts,
} from "./options.ts";
export { remoteTask, type RemoteTaskOptions, type RemoteTasks } from "./remote-task.ts";
export { report } from "./report.ts";
export { rerun, type RerunOptions } from "./rerun.ts";
export { run, withRunContext, type Runner, type RunOptions, type RunSettings } from "./run.ts";
export type { LogLine, Phase, PhaseChange, Run } from "./run-handle.ts";
export { datetime, int64, json, list, type InferInput, type InferOutput, type Schema } from "./schema.ts";
export { secret } from "./secret.ts";
export type { Task, TaskOverride } from "./task.ts";
export { TaskEnvironment, type EnvironmentOptions } from "./task-environment.ts";
export { trace } from "./trace.ts";
export { ValueError } from "../wire/literals/errors.ts";
