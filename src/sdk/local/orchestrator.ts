/** Drives a local run instead of a server and its containers: attempts, retries and time limits. */
import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { LocalConditions } from "./conditions.ts";
import { LocalController } from "./controller.ts";
import type { LocalOptions } from "./options.ts";
import type { ActiveContext } from "../authoring/active-context.ts";
import { CallCounter } from "../authoring/call-counter.ts";
import { publicContext } from "../authoring/context.ts";
import { durationMs } from "../authoring/duration.ts";
import { decodeError, encodeError } from "../authoring/error-record.ts";
import { ActionAbortedError, TaskTimeoutError } from "../authoring/errors.ts";
import { retryPolicyOf, timeoutsOf } from "../authoring/options.ts";
import { publishReport } from "../authoring/report.ts";
import { sharedState } from "../authoring/state.ts";
import type { TaskDefinition } from "../authoring/task.ts";
import { decodeInputs, decodeOutputs, encodeInputs, encodeOutputs } from "../authoring/values.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import { within } from "../../lib/wait.ts";
import { InputsSchema, OutputsSchema } from "../../wire/gen/flyteidl2/task/common_pb.js";

export function newLocalRunName(): string {
  return `local-${randomBytes(5).toString("hex")}`;
}

export class LocalOrchestrator {
  readonly run: string;
  readonly options: LocalOptions;
  readonly started: Date;
  readonly #clock: Clock;
  readonly signal: AbortSignal;
  readonly conditions: LocalConditions;
  #directory: string | undefined;

  constructor(options: LocalOptions) {
    this.options = options;
    this.run = options.name ?? newLocalRunName();
    this.#clock = options.clock ?? systemClock;
    this.started = new Date(this.#clock.now());
    this.signal = options.signal ?? new AbortController().signal;
    this.conditions =
      options.conditions ?? new LocalConditions({ answers: options.signals, clock: this.#clock });
  }

  /** Holds reports, checkpoints and files of the run; created at the first use. */
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
        const outputs = await this.#attempt(definition, bytes, name, attempt, customContext);
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

  async #attempt(
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
      returned = await this.#inTime(definition, body, abort);
    } catch (error) {
      // The report so far helps to find out why the task failed; a failure to publish it must not hide that error.
      await publishReport(context).catch(() => undefined);
      throw error;
    }
    await publishReport(context);
    return toBinary(OutputsSchema, await encodeOutputs(definition.fullName, definition.interface, returned));
  }

  /** The function cannot be stopped: its signal is aborted, and nobody waits for it any more. */
  async #inTime(
    definition: TaskDefinition,
    body: Promise<unknown>,
    abort: AbortController,
  ): Promise<unknown> {
    const { maxRuntime } = timeoutsOf(definition.options);
    if (maxRuntime === undefined) return body;
    const limit = durationMs(maxRuntime);
    const ended = await within(
      body.then((returned) => ({ returned })),
      limit,
      this.#clock,
    );
    if (ended !== undefined) return ended.returned;
    abort.abort();
    throw new TaskTimeoutError(`${definition.fullName} ran longer than ${limit} ms`, {
      code: "MAX_RUNTIME_EXCEEDED",
      kind: "user",
    });
  }
}
