/** Calls from inside a task of a local run: each runs in this process, under the name that its action would have. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { notice } from "./notice.ts";
import type { LocalOrchestrator } from "./orchestrator.ts";
import type { ActiveContext, BlobStore, CheckpointStore, Controller } from "../authoring/active-context.ts";
import { CallCounter } from "../authoring/call-counter.ts";
import { cacheOf } from "../authoring/cache.ts";
import type { ConditionRequest } from "../authoring/condition.ts";
import { TaskError } from "../authoring/errors.ts";
import { encodeInterface } from "../authoring/interface.ts";
import { EXECUTION_OPTIONS } from "../authoring/options.ts";
import { identifyTaskCall, identifyTraceCall, nextActionName } from "../authoring/naming.ts";
import { sharedState } from "../authoring/state.ts";
import type { TaskDefinition, TaskReference } from "../authoring/task.ts";
import type { TraceDefinition } from "../authoring/trace.ts";
import { decodeInputs, decodeOutputs, encodeInputs, encodeOutputs } from "../authoring/values.ts";
import { scopedBlobStore } from "../../client/storage/blob-store.ts";
import { joinUri, openStorage } from "../../client/storage/storage.ts";

export class LocalController implements Controller {
  readonly #orchestrator: LocalOrchestrator;
  readonly #action: string;
  readonly #attempt: number;
  readonly checkpoints: CheckpointStore;

  constructor(orchestrator: LocalOrchestrator, action: string, attempt: number) {
    this.#orchestrator = orchestrator;
    this.#action = action;
    this.#attempt = attempt;
    this.checkpoints = localCheckpoints(orchestrator, action, attempt);
  }

  get blobs(): BlobStore {
    const { run, directory, options } = this.#orchestrator;
    const { rawDataPath } = options;
    const prefix =
      rawDataPath === undefined
        ? join(directory, "data", this.#action)
        : joinUri(rawDataPath, run, this.#action, String(this.#attempt));
    return scopedBlobStore(openStorage(process.env), prefix);
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
    // A child inherits neither the group nor the trace of its caller.
    return sharedState().storage.exit(() =>
      this.#orchestrator.execute(definition, inputs, name, context.customContext),
    );
  }

  async callReference(reference: TaskReference, inputs: Readonly<Record<string, unknown>>): Promise<unknown> {
    const standIn = this.#orchestrator.options.remoteTasks?.[reference.name];
    if (standIn === undefined) {
      throw new TaskError(
        `${reference.name} is a deployed task; a local run needs a stand-in: remoteTasks: { ${JSON.stringify(reference.name)}: (inputs) => … }`,
        { code: "RemoteTaskNotAvailable", kind: "user" },
      );
    }
    const { name, declared, options } = reference;
    const ignored = EXECUTION_OPTIONS.filter((option) => options[option] !== undefined);
    notice.notApplied(ignored.map((option) => `${option} of a deployed task`));
    if (declared === undefined) return standIn({ ...inputs });
    const message = await encodeInputs(name, declared, inputs);
    const returned = await standIn(await decodeInputs(name, declared, message));
    return decodeOutputs(name, declared, await encodeOutputs(name, declared, returned));
  }

  async trace(
    definition: TraceDefinition,
    inputs: Readonly<Record<string, unknown>>,
    context: ActiveContext,
  ): Promise<unknown> {
    const message = await encodeInputs(definition.name, definition.interface, inputs);
    const name = nextActionName(context, identifyTraceCall(definition, message));
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
    if (request.webhook !== undefined) notice.notApplied(["webhook of a condition"]);
    const answer = this.#orchestrator.conditions.wait(request, context.signal);
    // A task that never waits for the answer must not fail because there is none.
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
    const folder = join(this.#orchestrator.directory, this.#action);
    await mkdir(folder, { recursive: true });
    return folder;
  }
}

function localCheckpoints(orchestrator: LocalOrchestrator, action: string, attempt: number): CheckpointStore {
  const path = (number: number): string => join(orchestrator.directory, action, `checkpoint-${number}`);
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
      await mkdir(join(orchestrator.directory, action), { recursive: true });
      await writeFile(path(attempt), bytes);
    },
  };
}
