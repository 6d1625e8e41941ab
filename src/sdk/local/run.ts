/**
 * Local mode: a run in this process, without any server. Values take the same way as between
 * containers (validated, encoded, decoded), so what works here is not refused there.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ActiveContext, BlobStore, CheckpointStore, Controller } from "../authoring/active-context.ts";
import { cacheOf } from "../authoring/cache.ts";
import type { ConditionRequest } from "../authoring/condition.ts";
import { publicContext } from "../authoring/context.ts";
import { durationMs } from "../authoring/duration.ts";
import {
  ActionAbortedError,
  decodeError,
  encodeError,
  TaskError,
  TaskTimeoutError,
} from "../authoring/errors.ts";
import { encodeInterface } from "../authoring/interface.ts";
import { CallCounter, identifyTaskCall, identifyTraceCall, nextActionName } from "../authoring/naming.ts";
import { LocalConditions, type Answer } from "./conditions.ts";
import { retryPolicyOf, timeoutsOf } from "../authoring/options.ts";
import { publishReport } from "../authoring/report.ts";
import { sharedState } from "../authoring/state.ts";
import type { TaskDefinition, TaskReference } from "../authoring/task.ts";
import type { TraceDefinition } from "../authoring/trace.ts";
import { decodeInputs, decodeOutputs, encodeInputs, encodeOutputs } from "../authoring/values.ts";
import { scopedBlobStore } from "../../client/storage/blob-store.ts";
import { openStorage } from "../../client/storage/storage.ts";
import { ROOT_ACTION } from "../../domain/ids.ts";
import { InputsSchema, OutputsSchema } from "../../wire/gen/flyteidl2/task/common_pb.js";

/** What stands for the outside world in a local run. */
export interface LocalOptions {
  readonly name?: string | undefined;
  readonly customContext?: Readonly<Record<string, string>> | undefined;
  /** Answers to conditions, by name. Without one the terminal is asked, if there is one. */
  readonly signals?: Readonly<Record<string, Answer>> | undefined;
  /** In place of `signals`, where the run's handle answers, too. */
  readonly conditions?: LocalConditions | undefined;
  /** Stand-ins for deployed tasks, by full name. */
  readonly remoteTasks?: Readonly<Record<string, (inputs: Record<string, unknown>) => unknown>> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onAction?: ((event: LocalActionEvent) => void) | undefined;
}

export interface LocalActionEvent {
  readonly action: string;
  readonly taskName: string;
  readonly phase: "running" | "succeeded" | "failed";
  readonly attempt: number;
}

export interface LocalResult {
  readonly outputs: unknown;
  readonly run: string;
  /** Reports, checkpoints and files of the run; made at the first use. */
  readonly directory: () => string;
}

/** Runs a task here. Rejects with the task's error, as a caller in another container would see it. */
export async function runInProcess(
  definition: TaskDefinition,
  inputs: Readonly<Record<string, unknown>>,
  options: LocalOptions,
): Promise<LocalResult> {
  const world = new LocalWorld(options);
  try {
    const outputs = await world.execute(definition, inputs, ROOT_ACTION, options.customContext ?? {});
    return { outputs, run: world.run, directory: () => world.directory };
  } finally {
    world.conditions.close();
  }
}

class LocalWorld {
  readonly run: string;
  readonly options: LocalOptions;
  readonly started = new Date();
  readonly signal: AbortSignal;
  readonly conditions: LocalConditions;
  #directory: string | undefined;

  constructor(options: LocalOptions) {
    this.options = options;
    this.run = options.name ?? `local-${randomBytes(5).toString("hex")}`;
    this.signal = options.signal ?? new AbortController().signal;
    this.conditions = options.conditions ?? new LocalConditions(options.signals);
  }

  get directory(): string {
    this.#directory ??= mkdtempSync(join(tmpdir(), `boxkite-${this.run}-`));
    return this.#directory;
  }

  async execute(
    definition: TaskDefinition,
    inputs: Readonly<Record<string, unknown>>,
    name: string,
    customContext: Readonly<Record<string, string>>,
  ): Promise<unknown> {
    const { fullName } = definition;
    const message = await encodeInputs(fullName, definition.interface, inputs, customContext);
    const bytes = toBinary(InputsSchema, message);
    const retries = retryPolicyOf(definition.options);
    for (let attempt = 1; ; attempt++) {
      this.options.onAction?.({ action: name, taskName: fullName, phase: "running", attempt });
      try {
        const outputs = await this.attempt(definition, bytes, name, attempt, customContext);
        this.options.onAction?.({ action: name, taskName: fullName, phase: "succeeded", attempt });
        return decodeOutputs(fullName, definition.interface, fromBinary(OutputsSchema, outputs));
      } catch (error) {
        this.options.onAction?.({ action: name, taskName: fullName, phase: "failed", attempt });
        const record = encodeError(error);
        if (attempt > retries.count || !record.recoverable || this.signal.aborted) {
          if (error instanceof ActionAbortedError || error instanceof TaskTimeoutError) throw error;
          throw Object.assign(decodeError(record, `${fullName} (${name})`), { cause: error });
        }
      }
    }
  }

  async attempt(
    definition: TaskDefinition,
    bytes: Uint8Array,
    name: string,
    attempt: number,
    customContext: Readonly<Record<string, string>>,
  ): Promise<Uint8Array> {
    this.signal.throwIfAborted();
    const inputs = await decodeInputs(
      definition.fullName,
      definition.interface,
      fromBinary(InputsSchema, bytes),
    );
    const limit = timeoutsOf(definition.options).maxRuntime;
    const timeout = limit === undefined ? undefined : durationMs(limit);
    const abort = new AbortController();
    const context: ActiveContext = {
      mode: "local",
      action: { project: "local", domain: "local", org: "local", run: this.run, name },
      attempt,
      taskName: definition.fullName,
      version: "local",
      runStartTime: this.started,
      customContext,
      scope: { name, calls: new CallCounter() },
      group: undefined,
      inTrace: false,
      signal: AbortSignal.any([this.signal, abort.signal]),
      controller: new LocalController(this, name, attempt),
      report: { tabs: new Map() },
    };
    const body = sharedState().storage.run(context, async () =>
      definition.fn(inputs as never, publicContext(context)),
    );
    let returned: unknown;
    try {
      returned = await withTimeout(body, timeout, () => {
        abort.abort();
        return new TaskTimeoutError(`${definition.fullName} ran longer than ${timeout} ms`, {
          code: "MAX_RUNTIME_EXCEEDED",
          kind: "user",
        });
      });
    } catch (error) {
      // What the task has reported so far helps to see why it failed; the reason itself counts more.
      await publishReport(context).catch(() => undefined);
      throw error;
    }
    await publishReport(context);
    return toBinary(OutputsSchema, await encodeOutputs(definition.fullName, definition.interface, returned));
  }
}

/** The error of `onTimeout` if the body takes longer; the body itself cannot be stopped, only told. */
async function withTimeout<T>(
  body: Promise<T>,
  limit: number | undefined,
  onTimeout: () => Error,
): Promise<T> {
  if (limit === undefined) return body;
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(onTimeout()), limit);
  try {
    return await Promise.race([body, promise]);
  } finally {
    clearTimeout(timer);
  }
}

class LocalController implements Controller {
  readonly #world: LocalWorld;
  readonly #action: string;
  readonly checkpoints: CheckpointStore;

  constructor(world: LocalWorld, action: string, attempt: number) {
    this.#world = world;
    this.#action = action;
    this.checkpoints = localCheckpoints(world, action, attempt);
  }

  get blobs(): BlobStore {
    return scopedBlobStore(openStorage(process.env), join(this.#world.directory, "data", this.#action));
  }

  async call(
    definition: TaskDefinition,
    inputs: Readonly<Record<string, unknown>>,
    context: ActiveContext,
  ): Promise<unknown> {
    const { fullName } = definition;
    const message = await encodeInputs(fullName, definition.interface, inputs);
    const { version: cacheVersion, ignoredInputs } = cacheOf(definition);
    const typed = encodeInterface(definition.interface);
    const task = { name: fullName, interface: typed, cacheVersion, ignoredInputs };
    const name = nextActionName(context, identifyTaskCall(task, message));
    // A child starts afresh: neither the group nor the trace of its caller is its own.
    return sharedState().storage.exit(() =>
      this.#world.execute(definition, inputs, name, context.customContext),
    );
  }

  async callReference(reference: TaskReference, inputs: Readonly<Record<string, unknown>>): Promise<unknown> {
    const standIn = this.#world.options.remoteTasks?.[reference.name];
    if (standIn === undefined) {
      throw new TaskError(
        `${reference.name} is a deployed task; a local run needs a stand-in: remoteTasks: { ${JSON.stringify(reference.name)}: (inputs) => … }`,
        { code: "RemoteTaskNotAvailable", kind: "user" },
      );
    }
    return standIn({ ...inputs });
  }

  async trace(
    definition: TraceDefinition,
    inputs: Readonly<Record<string, unknown>>,
    context: ActiveContext,
  ): Promise<unknown> {
    const message = await encodeInputs(definition.name, definition.interface, inputs);
    const name = nextActionName(context, identifyTraceCall(definition.identity, message));
    const parsed = await decodeInputs(definition.name, definition.interface, message);
    const inner = { ...context, inTrace: true, scope: { name, calls: new CallCounter() } };
    const returned = await sharedState().storage.run(inner, async () => definition.fn(parsed as never));
    return decodeOutputs(
      definition.name,
      definition.interface,
      await encodeOutputs(definition.name, definition.interface, returned),
    );
  }

  async condition(request: ConditionRequest, context: ActiveContext): Promise<() => Promise<unknown>> {
    const answer = this.#world.conditions.wait(request, context.signal);
    // Asked now; who never waits for the answer need not hear that there was none.
    answer.catch(() => undefined);
    return () => answer;
  }

  async runConfig(): Promise<undefined> {
    return undefined;
  }

  async saveReport(html: string): Promise<void> {
    await writeFile(join(await this.#folder(), "report.html"), html);
  }

  async #folder(): Promise<string> {
    const folder = join(this.#world.directory, this.#action);
    await mkdir(folder, { recursive: true });
    return folder;
  }
}

function localCheckpoints(world: LocalWorld, action: string, attempt: number): CheckpointStore {
  const path = (number: number): string => join(world.directory, action, `checkpoint-${number}`);
  return {
    load: async () => {
      if (attempt === 1) return undefined;
      try {
        return await readFile(path(attempt - 1));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
    save: async (bytes) => {
      await mkdir(join(world.directory, action), { recursive: true });
      await writeFile(path(attempt), bytes);
    },
  };
}
