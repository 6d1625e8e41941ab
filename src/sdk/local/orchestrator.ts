/** Drives a local run instead of a server and its containers. */
import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { LocalAction } from "./action.ts";
import { LocalConditions } from "./conditions.ts";
import { LocalController } from "./controller.ts";
import { notice } from "./notice.ts";
import { ignoredTaskOptions } from "./option-table.ts";
import type { LocalActionEvent, LocalOptions } from "./options.ts";
import type { ActiveContext } from "../authoring/active-context.ts";
import { CallCounter } from "../authoring/call-counter.ts";
import { publicContext } from "../authoring/context.ts";
import { decodeError, encodeError } from "../authoring/error-record.ts";
import { publishReport } from "../authoring/report.ts";
import { sharedState } from "../authoring/state.ts";
import type { TaskDefinition } from "../authoring/task.ts";
import { decodeInputs, decodeOutputs, encodeInputs, encodeOutputs } from "../authoring/values.ts";
import { checkRunName, ROOT_ACTION } from "../../domain/ids.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import { InputsSchema, OutputsSchema } from "../../wire/gen/flyteidl2/task/common_pb.js";

/** The name of a local run: the chosen one, which must be one that a server accepts, or a new one. */
function localRunName(chosen: string | undefined): string {
  return chosen === undefined ? `local-${randomBytes(5).toString("hex")}` : checkRunName(chosen);
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
    this.run = localRunName(options.name);
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

  /** Runs the root action, to the end of the run. */
  async start(definition: TaskDefinition, inputs: Readonly<Record<string, unknown>>): Promise<unknown> {
    try {
      return await this.execute(definition, inputs, ROOT_ACTION, this.options.customContext ?? {});
    } finally {
      this.conditions.close();
    }
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
    notice.notApplied(ignoredTaskOptions(definition));
    const action = new LocalAction(definition.options, this.#clock);
    let reported: LocalActionEvent["phase"] | undefined;
    const report = (phase: LocalActionEvent["phase"]): void => {
      reported = phase;
      this.options.onAction?.({ action: name, taskName: fullName, phase, attempt: action.state.attempt });
    };
    while (await action.start(this.signal)) {
      report("running");
      const { attempt } = action.state;
      try {
        const outputs = await this.#attempt(definition, bytes, name, action, customContext);
        if (outputs === undefined) {
          report("timed_out");
          continue;
        }
        report("succeeded");
        return decodeOutputs(fullName, definition.interface, fromBinary(OutputsSchema, outputs));
      } catch (error) {
        report("failed");
        this.signal.throwIfAborted();
        action.apply({ type: "attemptFailed", attempt, error: encodeError(error) });
      }
    }
    // By its deadline, while it waited for its next attempt.
    if (action.state.phase === "timed_out" && reported !== "timed_out") report("timed_out");
    const failure = action.state.error ?? { code: action.state.phase, message: "", kind: "unknown" };
    throw decodeError(failure, `${fullName} (${name})`);
  }

  /** Resolves to undefined if a time limit of the action has passed. */
  async #attempt(
    definition: TaskDefinition,
    bytes: Uint8Array,
    name: string,
    action: LocalAction,
    customContext: Readonly<Record<string, string>>,
  ): Promise<Uint8Array | undefined> {
    const { attempt } = action.state;
    const { project = "local", domain = "local", version = "local" } = this.options;
    const inputs = await decodeInputs(
      definition.fullName,
      definition.interface,
      fromBinary(InputsSchema, bytes),
    );
    const abort = new AbortController();
    const context: ActiveContext = {
      mode: "local",
      action: { project, domain, org: "local", run: this.run, name },
      attempt,
      taskName: definition.fullName,
      version,
      runStartTime: this.started,
      customContext,
      scope: { name, calls: new CallCounter() },
      group: undefined,
      inTrace: false,
      signal: AbortSignal.any([this.signal, abort.signal]),
      controller: new LocalController(this, name, attempt),
      report: { tabs: new Map() },
    };
    const body = sharedState().storage.run(context, async () => ({
      returned:
        definition.kind === "sleep"
          ? await this.#clock.sleep((inputs as { duration: number }).duration, context)
          : await definition.fn(inputs as never, publicContext(context)),
    }));
    let result: { readonly returned: unknown } | undefined;
    try {
      result = await action.inTime(body);
    } catch (error) {
      // The report so far helps to find out why the task failed; a failure to publish it must not hide that error.
      await publishReport(context).catch(() => undefined);
      throw error;
    }
    if (result === undefined) {
      // The function cannot be stopped: its signal is aborted, and nobody waits for it any more.
      abort.abort();
      await publishReport(context).catch(() => undefined);
      return undefined;
    }
    await publishReport(context);
    const outputs = await encodeOutputs(definition.fullName, definition.interface, result.returned);
    return toBinary(OutputsSchema, outputs);
  }
}
