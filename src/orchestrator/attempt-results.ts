/** What becomes of an attempt: from how it ended, and what it wrote, to what the store keeps of it. */
import type { ActionError } from "../domain/action.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { AttemptExit, AttemptFacts, AttemptKey } from "../domain/attempt.ts";
import type { AttemptStart } from "../domain/attempt-start.ts";
import type { Written } from "../domain/outcome/evidence.ts";
import { judge, type Outcome } from "../domain/outcome/judge.ts";
import { isTerminal } from "../domain/phase.ts";
import type { Clock } from "../lib/clock.ts";
import type { Redactor } from "../lib/redact.ts";
import type { Store, Work } from "../store/store.ts";
import type { Apply, StartEvent } from "./apply.ts";
import { eventOf, shortened } from "./attempt-event.ts";
import type { AttemptEvidence } from "./attempt-evidence.ts";
import { redactedOutcome, type RedactorOf } from "./redaction.ts";

export interface AttemptResultsOptions {
  readonly store: Pick<Store, "getAction" | "listAttempts">;
  readonly work: Pick<Work, "recordAttempt">;
  readonly apply: Apply;
  /** What the task wrote under an output prefix, from which the redactor removes its secrets. */
  readonly readWritten: (prefix: string, redactor: Redactor) => Promise<Written>;
  readonly redactorOf: RedactorOf;
  readonly clock: Clock;
}

type CollectedEvidence = Pick<AttemptEvidence, "image" | "outputPrefix" | "collect">;

/** What the action made of a result: it counts, with the error if it is a failure. */
export interface Counted {
  readonly error: ActionError | undefined;
  /** Another attempt follows. */
  readonly isRetried: boolean;
}

/** That it began, and how it was started. */
export interface Begun {
  readonly event: StartEvent;
  readonly start: AttemptStart | undefined;
}

/**
 * Each resolves with undefined where the result does not count: the action had moved on before. `action`: as it is known to
 * be, which may be out of date.
 */
export interface AttemptResults {
  /** Its process is over. `begun`: where that it began is not recorded yet. */
  ended(
    action: ActionRecord,
    exit: AttemptExit,
    evidence: CollectedEvidence,
    begun?: Begun,
  ): Promise<Counted | undefined>;
  /** It could not be started or watched. */
  notWatched(action: ActionRecord, outcome: Outcome): Promise<Counted | undefined>;
  /** Its process still runs: it counts nevertheless once it has written outputs or an error. */
  written(action: ActionRecord, evidence: CollectedEvidence): Promise<Counted | undefined>;
  /** Its process ended while nobody watched it. */
  endedUnwatched(key: AttemptKey, exitCode: number | undefined): Promise<void>;
}

export function createAttemptResults(options: AttemptResultsOptions): AttemptResults {
  const { store, work, apply, readWritten, clock } = options;

  const redactorOf = ({ key, state }: ActionRecord): Redactor =>
    options.redactorOf({ ...key, attempt: state.attempt });

  const count = async (
    action: ActionRecord,
    judged: Outcome,
    prefix: string | undefined,
    known: Partial<AttemptFacts>,
    {
      isRunning = false,
      begun,
    }: { readonly isRunning?: boolean; readonly begun?: StartEvent | undefined } = {},
  ): Promise<Counted | undefined> => {
    const { attempt } = action.state;
    const outcome = judged.kind === "succeeded" ? judged : redactedOutcome(judged, redactorOf(action));
    const error = "error" in outcome ? shortened(outcome.error) : undefined;
    const facts: AttemptFacts = {
      ...known,
      attempt,
      outcome: outcome.kind,
      error,
      outputUri: outcome.kind === "succeeded" ? prefix : undefined,
    };
    const event = eventOf(outcome, attempt, prefix, isRunning);
    const applied = await apply(
      action.key,
      event,
      { attempt: facts, ...(begun && { start: begun }) },
      action,
    );
    return applied && { error, isRetried: !isTerminal(applied.state.phase) };
  };

  /** After an abort, a time limit or the attempt's own result: all that is new is how its process ended, and maybe began. */
  const recordLate = async (
    key: AttemptKey,
    { exitCode, endedAt }: Pick<AttemptFacts, "exitCode" | "endedAt">,
    beginning: Pick<AttemptFacts, "startedAt" | "start" | "image"> = {},
  ): Promise<void> => {
    const action = await store.getAction(key);
    const attempts = action === undefined ? [] : await store.listAttempts(action);
    const record = attempts.find(({ attempt }) => attempt === key.attempt);
    if (action === undefined || record?.outcome === undefined) return;
    const isEndNew =
      record.endedAt === undefined || (record.exitCode === undefined && exitCode !== undefined);
    const isBeginningNew = record.startedAt === undefined && beginning.startedAt !== undefined;
    if (!isEndNew && !isBeginningNew) return;
    const end = { attempt: key.attempt, exitCode, endedAt: record.endedAt ?? endedAt };
    const facts = isBeginningNew ? { ...beginning, ...end } : end;
    await work.recordAttempt(action, facts, clock.now());
  };

  return {
    ended: async (action, exit, evidence, begun) => {
      const { image, outputPrefix: prefix } = evidence;
      const outcome = judge(await evidence.collect(await readWritten(prefix, redactorOf(action)), exit));
      const { startedAt = begun?.event.at, exitCode, endedAt = clock.now() } = exit;
      const beginning = { image, startedAt, ...(begun?.start && { start: begun.start }) };
      const end = { exitCode, endedAt };
      const counted = await count(action, outcome, prefix, { ...beginning, ...end }, { begun: begun?.event });
      if (counted === undefined)
        await recordLate({ ...action.key, attempt: action.state.attempt }, end, beginning);
      return counted;
    },
    notWatched: (action, outcome) => count(action, outcome, undefined, { endedAt: clock.now() }),
    written: async (action, evidence) => {
      const { outputPrefix: prefix } = evidence;
      const written = await readWritten(prefix, redactorOf(action));
      if (written.kind === "nothing") return undefined;
      const outcome = judge(await evidence.collect(written, undefined));
      return count(action, outcome, prefix, { image: evidence.image }, { isRunning: true });
    },
    endedUnwatched: (key, exitCode) => recordLate(key, { exitCode, endedAt: clock.now() }),
  };
}
