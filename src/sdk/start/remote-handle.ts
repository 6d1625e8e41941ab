/** The handle of a run on a server. */
import { Code } from "@connectrpc/connect";
import { decodeError } from "../authoring/error-record.ts";
import { ActionAbortedError } from "../authoring/errors.ts";
import type { CompiledInterface } from "../authoring/interface.ts";
import { phaseOf } from "./phases.ts";
import type { LogLine, PhaseChange, Run } from "../authoring/run-handle.ts";
import { signalCondition } from "./signal.ts";
import { decodeOutputs } from "../authoring/values.ts";
import type { ControlPlane } from "../../client/control-plane.ts";
import { runUrl } from "../../client/endpoint.ts";
import { connectCodeOf } from "../../client/server-error.ts";
import { ROOT_ACTION } from "../../domain/ids.ts";
import { isTerminal, type Phase } from "../../domain/phase.ts";
import { createBackoff } from "../../lib/backoff.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import { dateFromTimestamp } from "../../wire/literals/time.ts";
import { ErrorInfo_Kind, type ActionDetails } from "../../wire/gen/flyteidl2/workflow/run_definition_pb.js";
import type { RunIdentifier } from "../../wire/gen/flyteidl2/common/identifier_pb.js";
import { LogLineOriginator } from "../../wire/gen/flyteidl2/logs/dataplane/payload_pb.js";

/** The number of consecutive failures after which a watch gives up. */
const WATCH_FAILURES = 5;
const WATCH_BACKOFF = { baseMs: 500, factor: 2, capMs: 10_000 };
const LOG_TRIES = 10;
const LOG_WAIT_MS = 500;

export class RemoteRun implements Run<unknown> {
  readonly #controlPlane: ControlPlane;
  readonly #id: RunIdentifier;
  readonly #taskName: string;
  readonly #interface: CompiledInterface;
  readonly #clock: Clock;

  constructor(
    controlPlane: ControlPlane,
    id: RunIdentifier,
    taskName: string,
    compiled: CompiledInterface,
    clock: Clock = systemClock,
  ) {
    this.#controlPlane = controlPlane;
    this.#id = id;
    this.#taskName = taskName;
    this.#interface = compiled;
    this.#clock = clock;
  }

  get controlPlane(): ControlPlane {
    return this.#controlPlane;
  }

  get id(): RunIdentifier {
    return this.#id;
  }

  get name(): string {
    return this.#id.name;
  }

  get interface(): CompiledInterface {
    return this.#interface;
  }

  get url(): string {
    return runUrl(this.#controlPlane.origin, this.#id);
  }

  async wait(): Promise<Phase> {
    let last: Phase = "queued";
    for await (const { phase } of this) last = phase;
    return last;
  }

  async outputs(): Promise<unknown> {
    const phase = await this.wait();
    if (phase !== "succeeded" && phase !== "recovered") throw await this.#failure(phase);
    const data = await this.#controlPlane.data.getActionData({ actionId: this.#action });
    if (data.outputs === undefined) return undefined;
    return decodeOutputs(this.#taskName, this.#interface, data.outputs);
  }

  async *logs(options: { readonly attempt?: number } = {}): AsyncIterable<LogLine> {
    // 0 lets the server choose: it waits for the first attempt, and for the next if one is lost without output.
    const attempt = options.attempt ?? 0;
    for (let tries = 1; ; tries++) {
      // A reader that stops early must not leave the stream open, which would keep the program alive.
      const stop = new AbortController();
      try {
        for await (const answer of this.#controlPlane.data.tailLogs(
          { actionId: this.#action, attempt },
          { signal: stop.signal },
        )) {
          for (const line of answer.logs.flatMap((logs) => logs.lines)) {
            yield {
              message: line.message.replace(/\r?\n$/, ""),
              at: line.timestamp === undefined ? undefined : dateFromTimestamp(line.timestamp),
              source: line.originator === LogLineOriginator.SYSTEM ? "system" : "user",
            };
          }
        }
        return;
      } catch (error) {
        // The container may not have begun to write yet.
        if (connectCodeOf(error) !== Code.NotFound || tries === LOG_TRIES) throw error;
        await this.#clock.sleep(LOG_WAIT_MS);
      } finally {
        stop.abort();
      }
    }
  }

  async signal(condition: string, answer: boolean | number | string): Promise<void> {
    await signalCondition(this.#controlPlane, this.#id, condition, answer, this.#clock);
  }

  async abort(reason = "aborted by its author"): Promise<void> {
    await this.#controlPlane.runs.abortRun({ runId: this.#id, reason });
  }

  async *[Symbol.asyncIterator](): AsyncIterator<PhaseChange> {
    let last: Phase | undefined;
    let lastAttempt = 0;
    for await (const details of this.#watch()) {
      const phase = phaseOf(details.status?.phase);
      const attempt = details.status?.attempts ?? 0;
      if (phase !== last || attempt !== lastAttempt)
        yield { phase, attempt, at: new Date(this.#clock.now()) };
      last = phase;
      lastAttempt = attempt;
      if (isTerminal(phase)) return;
    }
  }

  /** The root action with the status of the run, until it has ended; a lost stream is reopened. */
  async *#watch(): AsyncIterable<ActionDetails> {
    const backoff = createBackoff(WATCH_BACKOFF, this.#clock);
    for (let failures = 0; ;) {
      const stop = new AbortController();
      try {
        for await (const { details } of this.#controlPlane.runs.watchRunDetails(
          { runId: this.#id },
          { signal: stop.signal },
        )) {
          failures = 0;
          backoff.reset();
          if (details?.action === undefined) continue;
          yield details.action;
          if (isTerminal(phaseOf(details.action.status?.phase))) return;
        }
        // Ended without an error: some proxies end every stream after a while.
        backoff.reset();
      } catch (error) {
        const code = connectCodeOf(error);
        const passing =
          code === Code.Unavailable ||
          code === Code.Canceled ||
          code === Code.DeadlineExceeded ||
          code === Code.Aborted;
        if (!passing || ++failures > WATCH_FAILURES) throw error;
      } finally {
        stop.abort();
      }
      await backoff.wait();
    }
  }

  async #failure(phase: Phase): Promise<Error> {
    const { details } = await this.#controlPlane.runs.getActionDetails({ actionId: this.#action });
    const where = `${this.#taskName} in run ${this.name}`;
    if (details?.result.case === "abortInfo") {
      return new ActionAbortedError(
        `${where} was aborted: ${details.result.value.reason || "no reason given"}`,
      );
    }
    if (details?.result.case === "errorInfo") {
      const { code, message, kind } = details.result.value;
      const decodedKind =
        kind === ErrorInfo_Kind.USER ? "user" : kind === ErrorInfo_Kind.SYSTEM ? "system" : "unknown";
      return decodeError({ code, message, kind: decodedKind }, where);
    }
    return phase === "aborted"
      ? new ActionAbortedError(`${where} was aborted`)
      : decodeError({ code: phase, message: "", kind: "unknown" }, where);
  }

  get #action(): { run: RunIdentifier; name: string } {
    return { run: this.#id, name: ROOT_ACTION };
  }
}
