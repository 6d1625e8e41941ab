/** An environment: the image, and the settings that its tasks share. */
import { refuseHiddenSource } from "./author-function.ts";
import { compileInterface } from "./interface.ts";
import type { Image } from "./image.ts";
import {
  mergeOptions,
  retryPolicyOf,
  reusePolicyOf,
  secretsOf,
  secretVariable,
  timeoutsOf,
  type ExecutionOptions,
  WARM_STARTS,
  type ReusePolicy,
  type WarmStart,
} from "./options.ts";
import { durationMs } from "./duration.ts";
import type {
  InferInput,
  InferOutput,
  InputsOf,
  OutputsOf,
  ParsedInputsOf,
  ReturnedOutputsOf,
  Schema,
  Schemas,
} from "./schema.ts";
import { sleepDefinition, type SleepInputs, type SleepOptions } from "./sleep-task.ts";
import { sharedState } from "./state.ts";
import { callerPath, createTask, definitionOf, type Task, type TaskDefinition } from "./task.ts";
import type { TaskContext } from "./task-context.ts";

export interface EnvironmentOptions extends ExecutionOptions {
  /** Letters, digits, `-` and `_`; the first part of the names of its tasks. */
  readonly name: string;
  /** An image, or a reference such as `ghcr.io/team/image:1`. @default Node on Debian with the packages of the lockfile in the root folder */
  readonly image?: Image | string;
  /** Environments whose tasks these tasks call: their images are resolved, and they are deployed, along. */
  readonly dependsOn?: readonly TaskEnvironment[];
  /** Keeps processes between actions. @default each action has a process of its own */
  readonly reusable?: ReusePolicy;
  /** How actions may start in containers that were made before them. @default what the server is set to */
  readonly warmStart?: WarmStart;
  readonly description?: string;
  /**
   * Files to put into the code bundle besides the modules, relative to the root folder. A glob takes no
   * file that git ignores; a path without wildcards names its file whatever git says.
   */
  readonly include?: readonly string[];
}

interface BaseTaskOptions<I extends Schemas> extends ExecutionOptions {
  /** The second part of the task's full name. */
  readonly name: string;
  /** The inputs by name; each a schema. */
  readonly inputs?: I;
  readonly description?: string;
  /** The task writes a report: `flyte.report.log(…)`. @default false */
  readonly report?: boolean;
  /** `import.meta.filename`, for tasks that a helper in another file defines. @default the file of the caller */
  readonly module?: string;
}

/** One of `output` and `outputs`, or neither. */
type TaskOptions<
  I extends Schemas,
  O extends Schema | undefined,
  N extends Schemas | undefined,
> = BaseTaskOptions<I> & { readonly output?: O; readonly outputs?: N } & (O extends Schema
    ? { readonly outputs?: never }
    : unknown);

/**
 * What runs. The condition is the whole type, and not only that of the result: so the compiler knows the
 * result's type before it reads the function, and `() => "a"` is good for an output of `z.enum(["a", "b"])`.
 */
type TaskFunction<
  I extends Schemas,
  O extends Schema | undefined,
  N extends Schemas | undefined,
> = O extends Schema
  ? FunctionReturning<I, InferInput<O>>
  : N extends Schemas
    ? FunctionReturning<I, ReturnedOutputsOf<N>>
    : FunctionReturning<I, void>;

/** What callers get. */
type Received<O extends Schema | undefined, N extends Schemas | undefined> = O extends Schema
  ? InferOutput<O>
  : N extends Schemas
    ? OutputsOf<N>
    : void;

type FunctionReturning<I extends Schemas, R> = (
  inputs: ParsedInputsOf<I>,
  context: TaskContext,
) => R | Promise<R>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** Where tasks run: an image, and settings that its tasks share. */
export class TaskEnvironment {
  readonly name: string;
  readonly image: Image | string | undefined;
  readonly dependsOn: readonly TaskEnvironment[];
  readonly options: ExecutionOptions;
  readonly reusable: ReusePolicy | undefined;
  readonly warmStart: WarmStart | undefined;
  readonly description: string;
  readonly include: readonly string[];
  readonly #tasks = new Map<string, Task<never, unknown>>();

  /** Throws TypeError or RangeError for options that cannot be. */
  constructor(options: EnvironmentOptions) {
    if (!NAME.test(options.name)) {
      throw new TypeError(
        `${JSON.stringify(options.name)} cannot be the name of an environment; use letters, digits, - and _`,
      );
    }
    this.name = options.name;
    this.image = options.image;
    this.dependsOn = options.dependsOn ?? [];
    this.options = mergeOptions(options);
    this.reusable = options.reusable;
    this.warmStart = options.warmStart;
    this.description = options.description ?? "";
    this.include = options.include ?? [];
    checkOptions(this.options);
    if (this.reusable !== undefined) reusePolicyOf(this.reusable);
    if (this.warmStart !== undefined && !WARM_STARTS.includes(this.warmStart))
      throw new TypeError(
        `warmStart must be one of ${WARM_STARTS.join(", ")}, got ${JSON.stringify(this.warmStart)}`,
      );
  }

  /** The tasks defined so far. */
  get tasks(): readonly Task<never, unknown>[] {
    return [...this.#tasks.values()];
  }

  /**
   * Defines a task. With `output` callers get its value, with `outputs` an object of the named values,
   * with neither nothing. Throws TypeError for a name that is taken or cannot be one, and for a schema without
   * a Flyte type.
   */
  task<
    const I extends Schemas = Record<never, never>,
    const O extends Schema | undefined = undefined,
    const N extends Schemas | undefined = undefined,
  >(options: TaskOptions<I, O, N>, fn: TaskFunction<I, O, N>): Task<InputsOf<I>, Received<O, N>> {
    const { name } = options;
    const fullName = `${this.name}.${name}`;
    this.#requireFreeName(name);
    const merged = mergeOptions(this.options, options);
    checkOptions(merged);
    if ((this.reusable?.concurrency ?? 1) > 1 && !isAsync(fn)) {
      throw new TypeError(
        `task ${fullName}: a reusable environment with a concurrency above 1 is for async functions only; write async, or set its concurrency to 1`,
      );
    }
    if (typeof merged.cache !== "object" || merged.cache.version === undefined) {
      refuseHiddenSource(
        `task ${fullName}`,
        fn,
        "wrap it: (inputs) => bound(inputs), or set cache: { version: … }",
      );
    }
    return this.#add<InputsOf<I>, Received<O, N>>({
      defined: "here",
      kind: "function",
      environment: this,
      name,
      shortName: name,
      fullName,
      description: options.description ?? "",
      interface: compileInterface(fullName, options),
      options: merged,
      report: options.report ?? false,
      fn,
      modulePath: options.module ?? callerPath(),
    });
  }

  /**
   * Defines a task that only lets time pass, which the server does itself: no container is made. A call of it resolves when
   * the time has passed. Throws TypeError for a name that is taken or cannot be one, and for settings of a container.
   */
  sleep(options: SleepOptions): Task<SleepInputs, void> {
    this.#requireFreeName(options.name);
    const definition = sleepDefinition(this, options, callerPath());
    checkOptions(definition.options);
    return this.#add(definition);
  }

  #requireFreeName(name: string): void {
    if (!NAME.test(name)) {
      throw new TypeError(
        `${JSON.stringify(name)} cannot be the name of a task; use letters, digits, - and _`,
      );
    }
    if (this.#tasks.has(name)) throw new TypeError(`the environment ${this.name} has a task ${name} already`);
  }

  #add<In, Out>(definition: TaskDefinition): Task<In, Out> {
    const task = createTask<In, Out>(definition);
    this.#tasks.set(definition.name, task as Task<never, unknown>);
    sharedState().tasks.set(definition.fullName, task as Task<never, unknown>);
    return task;
  }
}

/** A function without `async` may return a promise, but what it does before that holds up all others of its process. */
function isAsync(fn: object): boolean {
  return fn.constructor.name === "AsyncFunction";
}

/** Finds mistakes where they are made rather than at the first run. */
function checkOptions(options: ExecutionOptions): void {
  const { backoff } = retryPolicyOf(options);
  const { maxRuntime, maxQueuedTime, deadline } = timeoutsOf(options);
  for (const duration of [backoff?.base, backoff?.cap, maxRuntime, maxQueuedTime, deadline])
    if (duration !== undefined) durationMs(duration);
  for (const secret of secretsOf(options)) secretVariable(secret);
}

/** Whether a container may be made in it: not where all its tasks are sleeps. */
export function needsImage({ tasks }: TaskEnvironment): boolean {
  return tasks.length === 0 || tasks.some((task) => definitionOf(task).kind !== "sleep");
}

/** The environments reachable through `dependsOn`, each once, the given ones first. */
export function environmentClosure(environments: readonly TaskEnvironment[]): TaskEnvironment[] {
  const seen = new Set<TaskEnvironment>();
  const visit = (environment: TaskEnvironment): void => {
    if (seen.has(environment)) return;
    seen.add(environment);
    environment.dependsOn.forEach(visit);
  };
  environments.forEach(visit);
  return [...seen];
}
