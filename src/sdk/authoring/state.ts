/**
 * State that exists once per process, although the package may be loaded twice: the runtime that is
 * installed globally in the image, and the copy that the author's code imports.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { ActiveContext } from "./active-context.ts";
import type { InitializedConfig } from "./config.ts";
import type { Task } from "./task.ts";
import type { TaskEnvironment } from "./task-environment.ts";

export interface SharedState {
  readonly storage: AsyncLocalStorage<ActiveContext>;
  /** Every task defined in this process, by full name; the last definition wins. */
  readonly tasks: Map<string, Task<never, unknown>>;
  /** Error classes that authors registered, by name. */
  readonly errorClasses: Map<string, ErrorClass>;
  /** Set by initFromConfig. */
  config: InitializedConfig | undefined;
  /** True in a task's container, from its start on. */
  inContainer: boolean;
  /** Called instead of starting a run, or deploying these environments: `boxkite images check` only reads what a program defines. */
  onStart?: (deployed: readonly TaskEnvironment[]) => never;
}

// oxlint-disable-next-line typescript/no-explicit-any -- a constructor of any shape is what instanceof needs
export type ErrorClass = abstract new (...parameters: any[]) => Error;

const key = Symbol.for("boxkite.state.1");

export function sharedState(): SharedState {
  const holder = globalThis as { [key]?: SharedState };
  holder[key] ??= {
    storage: new AsyncLocalStorage(),
    tasks: new Map(),
    errorClasses: new Map(),
    config: undefined,
    inContainer: false,
  };
  return holder[key];
}
