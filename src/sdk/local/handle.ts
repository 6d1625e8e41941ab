/** The handle of a local run: its phases are those of the root action, and paused while a condition waits. */
import { pathToFileURL } from "node:url";
import { encodeInputs } from "../authoring/values.ts";
import { LocalConditions } from "./conditions.ts";
import { notice } from "./notice.ts";
import { ignoredRunOptions } from "./option-table.ts";
import type { LocalActionEvent } from "./options.ts";
import { LocalOrchestrator } from "./orchestrator.ts";
import type { RunOptions } from "../authoring/run.ts";
import type { LogLine, PhaseChange, Run } from "../authoring/run-handle.ts";
import type { TaskDefinition } from "../authoring/task.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { ROOT_ACTION } from "../../domain/ids.ts";
import { isTerminal, type Phase } from "../../domain/phase.ts";
import { systemClock } from "../../lib/clock.ts";

export async function startLocalRun(
  definition: TaskDefinition,
  inputs: Readonly<Record<string, unknown>>,
  options: RunOptions,
): Promise<Run<unknown>> {
  // As with a server, the call that starts the run rejects wrong inputs.
  await encodeInputs(definition.fullName, definition.interface, inputs);
  return new LocalRun(definition, inputs, options);
}

class LocalRun implements Run<unknown> {
  readonly #orchestrator: LocalOrchestrator;
  readonly #abort = new AbortController();
  readonly #changes: PhaseChange[] = [{ phase: "queued", attempt: 0, at: new Date(systemClock.now()) }];
  readonly #outputs: Promise<unknown>;
  readonly #conditions: LocalConditions;
  #wake = Promise.withResolvers<void>();
  #failure: "failed" | "timed_out" = "failed";

  constructor(definition: TaskDefinition, inputs: Readonly<Record<string, unknown>>, options: RunOptions) {
    this.#conditions = new LocalConditions({
      answers: options.signals,
      held: true,
      onWaiting: (isWaiting) => this.#change(isWaiting ? "paused" : "running"),
    });
    this.#orchestrator = new LocalOrchestrator({
      ...options,
      conditions: this.#conditions,
      signal: this.#abort.signal,
      onAction: (event) => this.#note(event),
    });
    notice.notApplied(ignoredRunOptions(options));
    for (const [key, value] of Object.entries(options.env ?? {})) process.env[key] = value;
    this.#outputs = this.#orchestrator.start(definition, inputs);
    this.#outputs.then(
      () => this.#change("succeeded"),
      () => this.#change(this.#abort.signal.aborted ? "aborted" : this.#failure),
    );
  }

  get name(): string {
    return this.#orchestrator.run;
  }

  get url(): string {
    return pathToFileURL(this.#orchestrator.directory).href;
  }

  async wait(): Promise<Phase> {
    let last: Phase = "queued";
    for await (const { phase } of this) last = phase;
    return last;
  }

  async outputs(): Promise<unknown> {
    return this.#outputs;
  }

  async *logs(): AsyncIterable<LogLine> {
    await this.wait();
    yield { message: "a local run writes to this process's own output", at: undefined, source: "system" };
  }

  async signal(condition: string, answer: boolean | number | string): Promise<void> {
    if (await this.#conditions.answer(condition, answer)) return;
    throw new Error(`run ${this.name} has ended; no condition ${condition} waits in it`);
  }

  async abort(reason = "aborted"): Promise<void> {
    const phase = this.#changes.at(-1)?.phase;
    if (phase !== undefined && phase !== "aborted" && isTerminal(phase)) {
      const message = `run ${this.name} was not aborted: it has already ended (${phase.replace("_", " ")})`;
      throw new BoxkiteError("ALREADY_ENDED", message);
    }
    const { ActionAbortedError } = await import("../authoring/errors.ts");
    this.#abort.abort(new ActionAbortedError(reason));
  }

  async *[Symbol.asyncIterator](): AsyncIterator<PhaseChange> {
    for (let index = 0; ; index++) {
      while (index >= this.#changes.length) await this.#wake.promise;
      const change = this.#changes[index];
      if (change === undefined) return;
      yield change;
      if (isTerminal(change.phase)) return;
    }
  }

  #note(event: LocalActionEvent): void {
    if (event.action !== ROOT_ACTION) return;
    if (event.phase === "running") this.#change("running", event.attempt);
    else if (event.phase !== "succeeded") this.#failure = event.phase;
  }

  #change(phase: Phase, attempt?: number): void {
    const last = this.#changes.at(-1)?.attempt ?? 0;
    this.#changes.push({ phase, attempt: attempt ?? last, at: new Date(systemClock.now()) });
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}
