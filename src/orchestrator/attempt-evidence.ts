/** Collects what is known of one attempt for `judge`. */
import type { AttemptExit, LogSink } from "../domain/attempt.ts";
import type { ResolvedImage } from "../domain/image.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { Evidence, Program, Written } from "../domain/outcome/evidence.ts";
import { programOf } from "../domain/outcome/program.ts";
import type { RunRecord } from "../domain/run.ts";
import type { TaskDefinition } from "../domain/task.ts";
import type { AttemptSpec, Executor } from "../executors/executor.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/wait.ts";
import { LOG_END, type AttemptLogs } from "../logs/attempt-logs.ts";
import type { ObjectTraffic } from "./object-traffic.ts";
import { attemptPrefix, rawDataPrefix } from "./paths.ts";

/** What the evidence is about. */
export interface EvidenceSubject {
  readonly spec: AttemptSpec;
  readonly program: Program;
  /** URI prefix of its outputs, without a slash at its end. */
  readonly outputPrefix: string;
  /** URI prefixes of what the attempt writes. */
  readonly prefixes: readonly string[];
}

export interface AttemptEvidenceOptions extends EvidenceSubject {
  readonly logs: Pick<AttemptLogs, "readPart">;
  readonly executor: Pick<Executor, "limitFactsOf">;
  readonly clock: Clock;
  readonly traffic: ObjectTraffic;
  /** An earlier server may have started it. */
  readonly isTakenUp: boolean;
  readonly sink: Pick<LogSink, "flush">;
}

export interface AttemptEvidence {
  readonly image: ResolvedImage;
  /** URI prefix of its outputs, without a slash at its end. */
  readonly outputPrefix: string;
  /** Its image was to start a runtime, and that has not asked for its inputs so far. */
  readonly awaitsRuntime: boolean;
  /** `exit`: undefined where its process still runs. */
  collect(written: Written, exit: AttemptExit | undefined): Promise<Evidence>;
  /** The attempt is over: nothing of it is noted any more. */
  close(): void;
}

export function evidenceSubject(of: {
  readonly run: RunRecord;
  readonly action: ActionRecord;
  readonly definition: TaskDefinition;
  readonly spec: AttemptSpec;
}): EvidenceSubject {
  const { run, action, definition, spec } = of;
  const { attempt } = spec.key;
  const { rawDataPrefix: raw } = run.settings;
  const outputPrefix = attemptPrefix(run.baseUri, action.key, attempt);
  return {
    spec,
    outputPrefix,
    program: programOf(definition, spec.limits.memoryBytes),
    prefixes: [outputPrefix, ...(raw === undefined ? [] : [rawDataPrefix(raw, action.key, attempt)])],
  };
}

const MEMORY_ANSWER_MS = 2_000;

export function createAttemptEvidence(options: AttemptEvidenceOptions): AttemptEvidence {
  const { logs, executor, clock, spec, program, sink } = options;
  const traffic = options.traffic.follow({ ...options, key: spec.key });
  const ownLines = async (): Promise<readonly string[]> => {
    await sink.flush();
    const { lines = [] } = (await logs.readPart(spec.key, LOG_END)) ?? {};
    return lines.filter(({ stream }) => stream !== "system").map(({ text }) => text);
  };
  /** What an error that was written means depends on whether a process was killed for memory. */
  const endOfRunning = async (written: Written): Promise<AttemptExit> => {
    // An engine that fails, or does not answer, must not keep the error from being counted.
    const asked = written.kind === "error" ? executor.limitFactsOf?.(spec).catch(() => undefined) : undefined;
    const memory = asked && (await within(asked, MEMORY_ANSWER_MS, clock));
    return { reason: "exited", outOfMemory: false, ...memory };
  };
  return {
    image: spec.image,
    outputPrefix: options.outputPrefix,
    get awaitsRuntime() {
      return spec.image.source !== "host" && program.language !== undefined && traffic.hasBegun === false;
    },
    collect: async (written, exit) => ({
      written,
      exit: exit ?? (await endOfRunning(written)),
      image: spec.image,
      program,
      hasBegun: traffic.hasBegun,
      // Nothing else needs the log: most attempts succeed.
      log: written.kind === "outputs" ? [] : await ownLines(),
      uploadRefused: traffic.uploadRefused,
    }),
    close: traffic.close,
  };
}
