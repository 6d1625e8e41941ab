/** Runs one action, from its inputs to its outputs or its error. */
import { resolve } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { RuntimeArguments } from "./arguments.ts";
import type { Container } from "./container.ts";
import { extractBundle } from "./extract-bundle.ts";
import { loadTask } from "./load-task.ts";
import type { RemoteController } from "./remote-controller.ts";
import type { Environment } from "../client/config-file.ts";
import { scopedBlobStore } from "../client/storage/blob-store.ts";
import { BlobNotFoundError, joinUri, openStorage, type Storage } from "../client/storage/storage.ts";
import { outputsUri } from "../domain/outputs.ts";
import type { ActiveContext, CheckpointStore, Controller } from "../sdk/authoring/active-context.ts";
import { CallCounter } from "../sdk/authoring/call-counter.ts";
import type { InitializedConfig } from "../sdk/authoring/config.ts";
import { publicContext } from "../sdk/authoring/context.ts";
import { publishReport } from "../sdk/authoring/report.ts";
import { sharedState } from "../sdk/authoring/state.ts";
import type { TaskDefinition } from "../sdk/authoring/task.ts";
import { decodeInputs, encodeOutputs } from "../sdk/authoring/values.ts";
import { encodeLiteral } from "../wire/literals/encode.ts";
import {
  InputsSchema,
  NamedLiteralSchema,
  OutputsSchema,
  type Inputs,
} from "../wire/gen/flyteidl2/task/common_pb.js";

/**
 * `failed`: the task threw an error, which is recorded; the process exits with 0.
 * `unloadable`: the task could not be loaded; that is recorded, too, but the process exits with 1.
 */
export type Outcome = "succeeded" | "failed" | "unloadable";

/** As in Python's `a0`: an error of the task is none of the process; the platform reads error.pb. */
export const EXIT_CODES: Readonly<Record<Outcome, number>> = { succeeded: 0, failed: 0, unloadable: 1 };
export const EXIT_USAGE = 2;
export const EXIT_CRASH = 1;
export const EXIT_TERMINATED = 143;

/** How long a task may take to end after SIGTERM. */
export const GRACE_MS = 10_000;

/** For the log of a task that called `process.exit`. The caller is in the stack, also in an event of that call. */
export function exitNotice(code: number): string {
  const frames = (new Error("exit").stack ?? "").split("\n").map((line) => line.trim());
  // Where a worker has replaced it, and source maps are in use, it is called process.process.exit.
  const call = frames.findIndex((line) => /^at (?:process\.)+exit |^at process\.\S+ \[as exit\]/u.test(line));
  const caller = call === -1 ? "" : (frames[call + 1] ?? "");
  return `a0-ts: process.exit(${code}) was called before the task had ended ${caller}\n`;
}

/** Keys of the context that the platform reserves; they are not passed to the task. */
const KICKOFF_TIME_INPUT = "_u_kickoff_time_input_arg";
const RESERVED = new Set([KICKOFF_TIME_INPUT, "_u_produced_artifacts"]);

export async function runAction(
  given: RuntimeArguments,
  env: Environment,
  signal: AbortSignal,
  storage: Storage = openStorage(env),
): Promise<Outcome> {
  const state = sharedState();
  state.inContainer = true;
  let definition: TaskDefinition;
  const folder = given.bundle === undefined ? process.cwd() : resolve(given.bundle.destination);
  // The inputs do not depend on the code: they are read while it is loaded.
  const reading = readInputs(storage, given);
  reading.catch(() => undefined);
  try {
    if (given.bundle !== undefined) await extractBundle(storage, given.bundle);
    definition = await loadTask(given.modulePath, given.exportName, folder);
  } catch (error) {
    await recordFailure(storage, given, error);
    return "unloadable";
  }
  const container: Container = { arguments: given, env, storage, rootDir: folder };
  const controller = new LazyController(container);
  let context: ActiveContext | undefined;
  try {
    const inputs = await reading;
    context = { ...makeContext(given, definition, inputs, controller, signal), env };
    const known = publicContext(context);
    const parsed = await decodeInputs(definition.fullName, definition.interface, inputs);
    const returned = await state.storage.run(context, async () => definition.fn(parsed as never, known));
    await publishReport(context);
    const outputs = await encodeOutputs(definition.fullName, definition.interface, returned);
    await storage.write(outputsUri("task", given.outputsPath), toBinary(OutputsSchema, outputs));
    return "succeeded";
  } catch (error) {
    // The report so far helps to find out why the task failed; a failure to publish it must not hide that error.
    if (context !== undefined) await publishReport(context).catch(() => undefined);
    await recordFailure(storage, given, error);
    return "failed";
  } finally {
    controller.close();
  }
}

/** Most actions do not fail, and do without the modules of this. */
async function recordFailure(storage: Storage, given: RuntimeArguments, error: unknown): Promise<void> {
  const { recordFailure: record } = await import("./record-failure.ts");
  await record(storage, given, error);
}

async function readInputs(storage: Storage, given: RuntimeArguments): Promise<Inputs> {
  const inputs = fromBinary(InputsSchema, await storage.read(given.inputs));
  const kickoff = inputs.context.find((pair) => pair.key === KICKOFF_TIME_INPUT)?.value;
  if (kickoff === undefined) return inputs;
  // A schedule names the input that receives the time of the run; its value is not in the inputs.
  const value = encodeLiteral(given.runStartTime, { kind: "datetime", asDate: true, date: false }, kickoff);
  inputs.literals = inputs.literals.filter((literal) => literal.name !== kickoff);
  inputs.literals.push(create(NamedLiteralSchema, { name: kickoff, value }));
  return inputs;
}

function makeContext(
  given: RuntimeArguments,
  definition: TaskDefinition,
  inputs: Inputs,
  controller: Controller,
  signal: AbortSignal,
): ActiveContext {
  const { org, project, domain, run, action } = given;
  const custom = inputs.context
    .filter((pair) => !RESERVED.has(pair.key))
    .map((pair) => [pair.key, pair.value] as const);
  return {
    mode: "remote",
    action: { org, project, domain, run, name: action },
    attempt: given.attempt,
    taskName: definition.fullName,
    version: given.version,
    runStartTime: given.runStartTime,
    customContext: Object.fromEntries(custom),
    scope: { name: action, calls: new CallCounter() },
    group: undefined,
    inTrace: false,
    signal,
    controller,
    report: { tabs: new Map() },
  };
}

/** Loads what calls need, above all the connection to the server, at the first call: most tasks make none. */
class LazyController implements Controller {
  readonly #container: Container;
  #remote: Promise<RemoteController> | undefined;
  #runConfig: Promise<InitializedConfig> | undefined;

  constructor(container: Container) {
    this.#container = container;
  }

  async #controller(): Promise<RemoteController> {
    this.#remote ??= import("./remote-controller.ts").then(({ RemoteController: Implementation }) =>
      Implementation.open(this.#container),
    );
    return this.#remote;
  }

  async call(...call: Parameters<Controller["call"]>): Promise<unknown> {
    return (await this.#controller()).call(...call);
  }

  async callReference(...call: Parameters<Controller["callReference"]>): Promise<unknown> {
    return (await this.#controller()).callReference(...call);
  }

  async trace(...call: Parameters<Controller["trace"]>): Promise<unknown> {
    return (await this.#controller()).trace(...call);
  }

  async condition(...call: Parameters<Controller["condition"]>): Promise<() => Promise<unknown>> {
    return (await this.#controller()).condition(...call);
  }

  async runConfig(): Promise<InitializedConfig> {
    this.#runConfig ??= import("./container.ts").then(({ runConfigOf }) => runConfigOf(this.#container));
    return this.#runConfig;
  }

  async saveReport(html: string): Promise<void> {
    const { storage, arguments: given } = this.#container;
    await storage.write(joinUri(given.outputsPath, "report.html"), Buffer.from(html));
  }

  get checkpoints(): CheckpointStore {
    const { storage, arguments: given } = this.#container;
    return {
      load: async () => {
        if (given.previousCheckpoint === undefined) return undefined;
        try {
          return await storage.read(given.previousCheckpoint);
        } catch (error) {
          if (error instanceof BlobNotFoundError) return undefined;
          throw error;
        }
      },
      save: async (bytes) => {
        if (given.checkpointPath === undefined)
          throw new Error("the platform gave this action no path for checkpoints");
        await storage.write(given.checkpointPath, bytes);
      },
    };
  }

  get blobs(): Controller["blobs"] {
    const { storage, arguments: given } = this.#container;
    return scopedBlobStore(storage, given.rawDataPath ?? joinUri(given.outputsPath, "data"));
  }

  close(): void {
    this.#remote?.then(
      (remote) => remote.close(),
      () => undefined,
    );
  }
}
