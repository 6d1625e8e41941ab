/** What a task may know about its own run. */
import type { ActiveContext } from "./active-context.ts";
import { NotInTaskError } from "./errors.ts";
import type { Environment } from "../../client/config-file.ts";
import { sharedState } from "./state.ts";
import type { TaskContext } from "./task-context.ts";

/** The context of the running task; throws NotInTaskError elsewhere. */
export function currentContext(): TaskContext {
  return publicContext(activeContext("flyte.context()"));
}

/** For a function that is called directly: the surrounding task's context, or one of no run at all. */
export function contextOrDetached(taskName: string): TaskContext {
  const active = sharedState().storage.getStore();
  if (active !== undefined) return publicContext(active);
  return {
    mode: "local",
    action: { project: "", domain: "", org: "", run: "", name: "" },
    attempt: 1,
    taskName,
    version: "",
    runStartTime: new Date(),
    custom: {},
    signal: new AbortController().signal,
  };
}

/** The variables of the running task; elsewhere those of the process. */
export function currentEnvironment(): Environment {
  return sharedState().storage.getStore()?.env ?? process.env;
}

export function activeContext(what: string): ActiveContext {
  const active = sharedState().storage.getStore();
  if (active === undefined) throw new NotInTaskError(what);
  return active;
}

export function publicContext(active: ActiveContext): TaskContext {
  return {
    mode: active.mode,
    action: active.action,
    attempt: active.attempt,
    taskName: active.taskName,
    version: active.version,
    runStartTime: active.runStartTime,
    custom: active.customContext,
    signal: active.signal,
  };
}

/** Runs a function in a context derived from the running one. */
export function withContext<T>(changes: Partial<ActiveContext>, fn: () => T): T {
  const active = activeContext("this");
  return sharedState().storage.run({ ...active, ...changes }, fn);
}
