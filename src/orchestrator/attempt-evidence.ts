/** Collects what is known of one attempt for `judge`. */
import type { AttemptExit, LogSink } from "../domain/attempt.ts";
import type { ResolvedImage } from "../domain/image.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { Evidence, Program, Written } from "../domain/outcome/evidence.ts";
import { programOf } from "../domain/outcome/program.ts";
import type { RunRecord } from "../domain/run.ts";
import type { TaskDefinition } from "../domain/task.ts";
import type { AttemptSpec } from "../executors/executor.ts";
import { LOG_END, type AttemptLogs } from "../logs/attempt-logs.ts";
import type { ObjectTraffic } from "./object-traffic.ts";
import { attemptPrefix, rawDataPrefix } from "./paths.ts";

/** What the evidence is about. */
export interface EvidenceSubject {
  readonly spec: AttemptSpec;
  readonly program: Program;
  readonly inputUri: string;
  /** URI prefixes of what the attempt writes. */
  readonly prefixes: readonly string[];
}

export interface AttemptEvidenceOptions extends EvidenceSubject {
  readonly logs: Pick<AttemptLogs, "readPart">;
  readonly traffic: ObjectTraffic;
  /** An earlier server may have started it. */
  readonly isTakenUp: boolean;
  readonly sink: Pick<LogSink, "flush">;
}

export interface AttemptEvidence {
  readonly image: ResolvedImage;
  collect(written: Written, exit: AttemptExit): Promise<Evidence>;
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
  return {
    spec,
    program: programOf(definition, spec.limits.memoryBytes),
    inputUri: action.inputUri,
    prefixes: [
      attemptPrefix(run.baseUri, action.key, attempt),
      ...(raw === undefined ? [] : [rawDataPrefix(raw, action.key, attempt)]),
    ],
  };
}

export function createAttemptEvidence(options: AttemptEvidenceOptions): AttemptEvidence {
  const { logs, spec, program, sink } = options;
  const traffic = options.traffic.follow({ ...options, key: spec.key });
  const ownLines = async (): Promise<readonly string[]> => {
    await sink.flush();
    const { lines = [] } = (await logs.readPart(spec.key, LOG_END)) ?? {};
    return lines.filter(({ stream }) => stream !== "system").map(({ text }) => text);
  };
  return {
    image: spec.image,
    collect: async (written, exit) => ({
      written,
      exit,
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
