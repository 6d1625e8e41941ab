/**
 * One attempt that is watched: what its executor reports becomes events of its action. Its result counts when its
 * process ends, or when it is written and the process goes on: then the process lingers, and is ended after a while;
 * where another attempt follows, it is ended at once.
 */
import type { ActionRecord } from "../domain/action-record.ts";
import { describeAdaptation } from "../domain/adaptation.ts";
import type { AttemptFacts } from "../domain/attempt.ts";
import type { AttemptStart } from "../domain/attempt-start.ts";
import { textForPeople } from "../domain/error-trailer.ts";
import type { ActionEvent } from "../domain/transition.ts";
import type { AttemptObserver } from "../executors/executor.ts";
import type { Timer } from "../lib/clock.ts";
import { within } from "../lib/wait.ts";
import type { AttemptLog } from "../logs/attempt-logs.ts";
import type { Apply, StartEvent } from "./apply.ts";
import type { AttemptEvidence } from "./attempt-evidence.ts";
import { createReport, type ReportOptions } from "./attempt-report.ts";
import type { AttemptResults, Counted } from "./attempt-results.ts";

export interface AttemptWatchOptions extends ReportOptions {
  /** With the attempt as its present one. */
  readonly action: ActionRecord;
  readonly evidence: AttemptEvidence;
  readonly sink: AttemptLog;
  readonly apply: Apply;
  readonly results: AttemptResults;
  /** How long the process may go on once its result is written. */
  readonly lingerMs: number;
  /** It got a container of its own although its task has a reuse policy, and why. Does not reject. */
  readonly noteCold: (reason: string) => Promise<void>;
}

export interface AttemptWatch {
  /** For the executor's reports. */
  readonly observer: AttemptObserver;
  /** Outputs or an error are written, or may be. */
  resultWritten(): void;
  /** Its result counts, and its process is ended then; undefined while that is not so. */
  readonly lingersUntilMs: number | undefined;
  /** Resolves when all that was reported is recorded and the log is closed. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/** An ordinary attempt ends so soon after it has written its result, and its exit code and log stay in order. */
const ORDINARY_END_MS = 1_000;

/** An action in a worker that has run others may take a millisecond: start and end are one change then, with one commit. */
const QUICK_MS = 100;

function isQuick(start: AttemptStart | undefined): boolean {
  return start?.warm !== undefined && start.warm.mode !== "one_shot";
}

/** A service as ENTRYPOINT would run for ever, and nothing would say why. */
const SILENCE_MS = 60_000;
const SILENT =
  "the task's runtime has not asked for its inputs after 60 s: its code is still being loaded, or the image's ENTRYPOINT starts another program and does not run its arguments (docs/exit-codes.md)";

export function createAttemptWatch(options: AttemptWatchOptions): AttemptWatch {
  const { evidence, sink, apply, results, lingerMs, clock, log } = options;
  const { image } = evidence;
  /** As the last change that is made here has left it. */
  let { action } = options;
  const { attempt } = action.state;
  const report = createReport(sink, options);
  let silence: Timer | undefined;
  let start: AttemptStart | undefined;
  const forget = () => {
    takeStart();
    silence?.cancel();
    evidence.close();
  };
  void report.closed.then(forget, forget);
  let lingersUntilMs: number | undefined;

  const recordNow = (event: ActionEvent, facts: Partial<AttemptFacts> = {}) =>
    report.add(async () => {
      action = (await apply(action.key, event, { attempt: factsOf(facts) }, action)) ?? action;
    });
  const factsOf = (facts: Partial<AttemptFacts>): AttemptFacts => ({
    attempt,
    image,
    ...(start && { start }),
    ...facts,
  });
  const record = (...change: Parameters<typeof recordNow>) => {
    recordStart();
    recordNow(...change);
  };

  /** That it started, as long as that is not recorded. */
  let begun: { readonly event: StartEvent; readonly timer: Timer } | undefined;
  const takeStart = (): StartEvent | undefined => {
    const { event, timer } = begun ?? {};
    begun = undefined;
    timer?.cancel();
    return event;
  };
  const recordStart = () => {
    const event = takeStart();
    if (event !== undefined) recordNow(event, { startedAt: event.at });
  };

  const write = (text: string) => {
    for (const line of text.split("\n")) sink.write("system", line, clock.now());
  };
  /** Who follows a log learns here why it ends: the task itself may have been unable to say it. */
  const writeFailure = (counted: Counted | undefined) => {
    if (counted?.error) write(`${counted.error.code}: ${textForPeople(counted.error)}`);
  };

  const countWritten = async (): Promise<void> => {
    if (lingersUntilMs !== undefined) return;
    // First: the effect that frees the attempt may be performed before its event is known to be applied.
    lingersUntilMs = clock.now() + lingerMs;
    let counted: Counted | undefined;
    try {
      counted = await results.written(action, evidence);
    } finally {
      if (counted === undefined) lingersUntilMs = undefined;
    }
    if (counted === undefined) return;
    writeFailure(counted);
    const end = counted.isRetried ? "before the next attempt" : `in ${Math.round(lingerMs / 1000)} s`;
    write(`the result is written, but the process still runs: it is ended ${end}`);
  };

  return {
    observer: {
      progress: (reason) => record({ type: "progress", attempt, reason }),
      prepared: (how) => {
        start = how;
        for (const adaptation of how.adaptations) write(describeAdaptation(adaptation));
        const reason = how.adaptations.map(describeAdaptation).join("; ");
        if (reason !== "" && !isQuick(how)) record({ type: "progress", attempt, reason });
        const { cold } = how;
        if (cold !== undefined) report.add(() => options.noteCold(cold));
      },
      waiting: (reason) => record({ type: "attemptWaiting", attempt, reason }),
      started: (at) => {
        const event = { type: "started", attempt, at } as const;
        if (isQuick(start)) begun = { event, timer: clock.timer(QUICK_MS, recordStart) };
        else record(event, { startedAt: at });
        if (!evidence.awaitsRuntime) return;
        silence = clock.timer(SILENCE_MS, () => {
          if (evidence.awaitsRuntime) write(SILENT);
        });
      },
      ended: (exit) => {
        const begin = takeStart();
        report.add(async () =>
          writeFailure(await results.ended(action, exit, evidence, begin && { event: begin, start })),
        );
        void report.close();
      },
    },
    resultWritten: () => {
      const ended = report.closed.then(() => true);
      within(ended, ORDINARY_END_MS, clock)
        // After what was reported before, and not at all once the end was.
        .then((isOver) => {
          if (isOver === true) return;
          recordStart();
          report.add(countWritten);
        })
        .catch((error: unknown) => log.error("the log of an attempt could not be closed", { error }));
    },
    get lingersUntilMs() {
      return lingersUntilMs;
    },
    closed: report.closed,
    close: report.close,
  };
}
