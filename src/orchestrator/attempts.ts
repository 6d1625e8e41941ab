/**
 * Looks after attempts: starts each one, or takes it up after a restart, turns what the executor tells
 * into events, and ends and frees attempts. Everything here may be repeated: an attempt is keyed, and
 * a stale event changes nothing.
 */
import type { ActionRecord } from "../domain/action-record.ts";
import type { AttemptExit, AttemptFacts, AttemptKey } from "../domain/attempt.ts";
import type { ResolvedImage } from "../domain/image.ts";
import type { ActionError } from "../domain/action.ts";
import { textOf } from "../domain/errors.ts";
import { judge, type Outcome, type Written } from "../domain/outcome.ts";
import type { ActionEvent } from "../domain/transition.ts";
import type { AttemptObserver, AttemptSpec, Executor } from "../executors/executor.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { orAborted, within } from "../lib/wait.ts";
import type { AttemptLogs } from "../logs/attempt-logs.ts";
import type { Store, Work } from "../store/store.ts";
import type { Apply } from "./apply.ts";
import { eventOf, lostBy, shortened } from "./attempt-event.ts";
import { createReport, persist, type AttemptReport } from "./attempt-report.ts";
import { makeAttemptSpec } from "./attempt-spec.ts";
import { imageOutcome } from "./image-outcome.ts";
import { imageOfRun } from "./images.ts";
import { attemptPrefix } from "./paths.ts";
import type { RunIdentities } from "./run-identity.ts";

export interface AttemptsOptions {
  readonly store: Store;
  readonly work: Pick<Work, "recordAttempt">;
  readonly executor: Executor;
  readonly logs: AttemptLogs;
  readonly identities: RunIdentities;
  readonly apply: Apply;
  /** What the task wrote under an output prefix. */
  readonly readWritten: (prefix: string) => Promise<Written>;
  /** host:port at which attempts reach the server. */
  readonly endpoint: () => string;
  readonly stopGraceMs: number;
  /** How long the process of an attempt may go on once its outputs are written. */
  readonly lingerMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Attempts {
  /** Takes care of the present attempt of an action that initializes or runs. Idempotent. */
  supervise(action: ActionRecord): void;
  /** Ends its process, waits until its end is recorded and its log closed, and frees what it holds. */
  stop(key: AttemptKey): Promise<void>;
  /** Frees what an ended attempt holds; waits for a process that goes on behind its outputs, for so long as it may. */
  release(key: AttemptKey): Promise<void>;
  /** Its outputs are written: it has succeeded, also where its process does not end by itself. */
  outputsWritten(key: AttemptKey): void;
  /** Stops watching; processes go on. */
  close(): Promise<void>;
}

/** An attempt that is being started or watched. */
interface Supervised {
  /** Resolves when the start is done. */
  started: Promise<void>;
  report?: AttemptReport;
  /** Judges it by what it wrote, while its process goes on. */
  succeed?: () => Promise<void>;
  /** It has succeeded, and its process is ended then. */
  lingersUntilMs?: number;
}

/** An ordinary attempt ends so soon after it has written its outputs, and its exit code and log stay in order. */
const ORDINARY_END_MS = 1_000;

/** An executor that has ended an attempt tells so at once; one that does not keeps nothing from being freed. */
const END_TOLD_MS = 30_000;

export function createAttempts(options: AttemptsOptions): Attempts {
  const { store, executor, logs, apply, clock, log } = options;
  const supervised = new Map<string, Supervised>();
  const closing = new AbortController();
  const reportOptions = (key: AttemptKey) => ({
    closing: closing.signal,
    clock,
    log: log.child({ attempt: attemptText(key) }),
  });

  const supervise = (action: ActionRecord): void => {
    const key: AttemptKey = { ...action.key, attempt: action.state.attempt };
    const name = attemptText(key);
    if (closing.signal.aborted || supervised.has(name)) return;
    const attempt: Supervised = { started: Promise.resolve() };
    supervised.set(name, attempt);
    attempt.started = begin(action, key, attempt).catch((error: unknown) => {
      log.error("attempt could not be looked after", { attempt: name, error });
      return persist(() => finish(action, key, lostBy(error), {}, undefined), reportOptions(key));
    });
  };

  const begin = async (action: ActionRecord, key: AttemptKey, attempt: Supervised): Promise<void> => {
    const { run, definition } = await describe(action);
    let image: ResolvedImage;
    try {
      image = await imageOfRun(store, executor, run, definition.image);
    } catch (error) {
      const outcome = imageOutcome(error, definition.image);
      await finish(action, key, outcome, {}, undefined);
      return;
    }
    const spec = makeAttemptSpec({
      run,
      action,
      definition,
      image,
      access: await executor.environmentFor({
        key,
        image,
        endpoint: options.endpoint(),
        ...options.identities.credentialsOf(run.key),
      }),
    });
    await watch(spec, action, image, attempt);
  };

  const describe = async (action: ActionRecord) => {
    const [run, spec] = await Promise.all([store.getRun(action.key), store.getSpec(action.specDigest ?? "")]);
    if (run === undefined || spec === undefined)
      throw new Error(`action ${action.id} has lost its run or task`);
    return { run, definition: spec.definition };
  };

  const watch = async (
    spec: AttemptSpec,
    action: ActionRecord,
    image: ResolvedImage,
    attempt: Supervised,
  ): Promise<void> => {
    const { key } = spec;
    const sink = await logs.open(key);
    const report = createReport(sink, reportOptions(key));
    attempt.report = report;
    const tell = (event: ActionEvent, facts: AttemptFacts) =>
      report.add(() => apply(action.key, event, { attempt: facts }));
    const observer: AttemptObserver = {
      progress: (reason) =>
        tell({ type: "progress", attempt: key.attempt, reason }, { attempt: key.attempt, image }),
      waiting: (reason) =>
        tell({ type: "attemptWaiting", attempt: key.attempt, reason }, { attempt: key.attempt, image }),
      started: (at) =>
        tell({ type: "started", attempt: key.attempt, at }, { attempt: key.attempt, startedAt: at, image }),
      ended: (exit) => {
        report.add(async () => {
          const failure = await settle(action, key, exit, image);
          // Who follows a log learns here why it ends: the task itself may have been unable to say it.
          const lines = failure === undefined ? [] : `${failure.code}: ${textOf(failure)}`.split("\n");
          for (const line of lines) sink.write("system", line, clock.now());
        });
        void report.close();
      },
    };
    attempt.succeed = async () => {
      const prefix = await prefixOf(key);
      const isDone = attempt.lingersUntilMs !== undefined;
      if (isDone || (await options.readWritten(prefix)).kind !== "outputs") return;
      // First: what frees an ended attempt may come before `apply` has returned.
      attempt.lingersUntilMs = clock.now() + options.lingerMs;
      const facts: AttemptFacts = { attempt: key.attempt, image, outcome: "succeeded", outputUri: prefix };
      const event = eventOf({ kind: "succeeded" }, key.attempt, prefix);
      if ((await apply(action.key, event, { attempt: facts })) === undefined) {
        delete attempt.lingersUntilMs;
        return;
      }
      const seconds = Math.round(options.lingerMs / 1000);
      const line = `the outputs are written, but the process still runs: it is ended in ${seconds} s`;
      sink.write("system", line, clock.now());
    };
    try {
      await executor.start(spec, sink, observer);
      // Of one that is taken up, an earlier server may have been told.
      if (action.state.phase === "running") awaitEnd(attempt, key);
    } catch (error) {
      // Nobody will tell of it, so nobody would close its log.
      await report.close();
      throw error;
    }
  };

  const prefixOf = async (key: AttemptKey): Promise<string> =>
    attemptPrefix((await store.getRun(key))?.baseUri ?? "", key, key.attempt);

  /** Resolves with the failure, if it was one and counts. */
  const settle = async (
    action: ActionRecord,
    key: AttemptKey,
    exit: AttemptExit,
    image: ResolvedImage,
  ): Promise<ActionError | undefined> => {
    const prefix = await prefixOf(key);
    const outcome = judge(await options.readWritten(prefix), exit, image.reference);
    return finish(action, key, outcome, { exit, image }, prefix);
  };

  const finish = async (
    action: ActionRecord,
    key: AttemptKey,
    outcome: Outcome,
    known: { exit?: AttemptExit; image?: ResolvedImage },
    prefix: string | undefined,
  ): Promise<ActionError | undefined> => {
    const { attempt } = key;
    const error = "error" in outcome ? shortened(outcome.error) : undefined;
    const facts: AttemptFacts = {
      attempt,
      image: known.image,
      startedAt: known.exit?.startedAt,
      endedAt: known.exit?.endedAt ?? clock.now(),
      exitCode: known.exit?.exitCode,
      outcome: outcome.kind,
      error,
      outputUri: outcome.kind === "succeeded" ? prefix : undefined,
    };
    const event = eventOf(outcome, attempt, prefix);
    const applied = await apply(action.key, event, { attempt: facts });
    if (applied === undefined) await recordLate(action, key, facts);
    supervised.delete(attemptText(key));
    return applied && error;
  };

  /** An abort, a time limit or its own outputs were first: how its process ended is all that is new. */
  const recordLate = async (action: ActionRecord, key: AttemptKey, facts: AttemptFacts): Promise<void> => {
    const { attempt, exitCode, endedAt } = facts;
    const lingered = supervised.get(attemptText(key))?.lingersUntilMs !== undefined;
    if (exitCode === undefined && !lingered) return;
    await options.work.recordAttempt(
      action,
      { attempt, exitCode, ...(lingered && { endedAt }) },
      clock.now(),
    );
  };

  /** Behind its outputs an attempt ends at once, or succeeds nevertheless. */
  const awaitEnd = ({ report, succeed }: Supervised, key: AttemptKey): void => {
    if (report === undefined || succeed === undefined) return;
    within(
      report.closed.then(() => true),
      ORDINARY_END_MS,
      clock,
    )
      // Behind what was told before, and not at all once its end was told.
      .then((ended) => ended ?? report.add(succeed))
      .catch((error: unknown) =>
        log.error("the end of an attempt failed", { attempt: attemptText(key), error }),
      );
  };

  /** Waits for the end of a process that goes on behind its outputs, and ends it when its time is over. */
  const release = async (key: AttemptKey): Promise<void> => {
    const { report, lingersUntilMs } = supervised.get(attemptText(key)) ?? {};
    if (report && lingersUntilMs !== undefined) {
      const ended = orAborted(report.closed, closing.signal).then(() => true);
      if ((await within(ended, Math.max(0, lingersUntilMs - clock.now()), clock)) === undefined)
        await stop(key);
    }
    await executor.release(key);
  };

  /** What ended while nobody looked after it has an end, too. */
  const recordEnd = async (key: AttemptKey): Promise<void> => {
    const action = await store.getAction(key);
    const record =
      action && (await store.listAttempts(action)).find(({ attempt }) => attempt === key.attempt);
    if (record?.outcome === undefined || record.endedAt !== undefined) return;
    const endedAt = clock.now();
    if (action) await options.work.recordAttempt(action, { attempt: key.attempt, endedAt }, endedAt);
  };

  const stop = async (key: AttemptKey): Promise<void> => {
    const name = attemptText(key);
    const attempt = supervised.get(name);
    // A start under way must be over first, or it would make what we are about to end.
    await attempt?.started;
    await executor.stop(key, options.stopGraceMs);
    // Freed only when its end is on disk and nobody writes its log.
    if (attempt?.report) await within(attempt.report.closed, END_TOLD_MS, clock);
    await executor.release(key);
    await attempt?.report?.close();
    if (attempt === undefined) await recordEnd(key);
    supervised.delete(name);
  };

  return {
    supervise,
    stop,
    release,
    outputsWritten: (key) => {
      const attempt = supervised.get(attemptText(key));
      if (attempt !== undefined) awaitEnd(attempt, key);
    },
    close: async () => {
      closing.abort();
      await executor.close();
      const all = [...supervised.values()];
      await Promise.allSettled(all.map(({ started }) => started));
      await Promise.allSettled(all.map(async ({ report }) => report?.close()));
    },
  };
}

export function attemptText(key: AttemptKey): string {
  return `${key.project}/${key.domain}/${key.run}/${key.action}/${key.attempt}`;
}
