/**
 * Boxkite for TypeScript authors: `import * as flyte from "boxkite"`.
 *
 * Every task container loads this module, so it stays small: what only starts runs (configuration, connection,
 * bundles, builders) is imported when it is used.
 */
export { checkpoint } from "./authoring/checkpoint.ts";
export { condition, type Condition, type ConditionOptions } from "./authoring/condition.ts";
export { init, initFromConfig, type InitOptions } from "./authoring/config.ts";
export { currentContext as context } from "./authoring/context.ts";
export { deploy, type DeployedTask, type DeployOptions } from "./authoring/deploy.ts";
export type { Duration } from "./authoring/duration.ts";
export {
  ActionAbortedError,
  ConditionTimeoutError,
  NonRecoverableError,
  NotInTaskError,
  OutOfMemoryError,
  RemoteTaskError,
  TaskError,
  TaskInTraceError,
  TaskTimeoutError,
} from "./authoring/errors.ts";
export { Dir, File } from "./authoring/file.ts";
export { group } from "./authoring/group.ts";
export { ImageBuildError } from "./authoring/image-build-error.ts";
export { Image, type CloneOptions } from "./authoring/image.ts";
export { map, type MapOptions, type MapTasks } from "./authoring/map.ts";
export type {
  CachePolicy,
  ExecutionOptions,
  Resources,
  RetryPolicy,
  ReusePolicy,
  SecretRequest,
  SleepSettings,
  Timeouts,
  WarmStart,
} from "./authoring/options.ts";
export type { NodeProjectOptions } from "./authoring/node-project.ts";
export { registerError } from "./authoring/register-error.ts";
export { remoteTask, type RemoteTaskOptions, type RemoteTasks } from "./authoring/remote-task.ts";
export { report } from "./authoring/report.ts";
export { rerun, type RerunOptions } from "./authoring/rerun.ts";
export { run, withRunContext, type Runner, type RunOptions, type RunSettings } from "./authoring/run.ts";
export type { LogLine, PhaseChange, Run } from "./authoring/run-handle.ts";
export {
  datetime,
  int64,
  json,
  list,
  type InferInput,
  type InferOutput,
  type InputsOf,
  type OutputsOf,
  type Schema,
  type Schemas,
} from "./authoring/schema.ts";
export { secret } from "./authoring/secret.ts";
export { sleep } from "./authoring/sleep.ts";
export type { SleepInputs, SleepOptions } from "./authoring/sleep-task.ts";
export type { Task, TaskOverride } from "./authoring/task.ts";
export type { TaskContext } from "./authoring/task-context.ts";
export { TaskEnvironment, type EnvironmentOptions } from "./authoring/task-environment.ts";
export { trace } from "./authoring/trace.ts";
export type { Phase } from "../domain/phase.ts";
export { BoxkiteError, type ErrorCode, type ErrorKind } from "../domain/errors.ts";
export { ValueError } from "../wire/literals/errors.ts";
