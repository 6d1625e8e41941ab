/**
 * Starts each attempt, or takes it up after a restart, watches it, ends it and frees it. Everything here may be
 * repeated: an attempt is keyed, and a stale event changes nothing.
 */
import type { ActionRecord } from "../domain/action-record.ts";
import type { AttemptKey } from "../domain/attempt.ts";
import type { ResolvedImage } from "../domain/image.ts";
import type { Outcome } from "../domain/outcome/judge.ts";
import type { AttemptObjects, Executor } from "../executors/executor.ts";
import type { Logger } from "../lib/log.ts";
import { isShortage } from "../lib/shortage.ts";
import { orAborted, within } from "../lib/wait.ts";
import type { AttemptLogs } from "../logs/attempt-logs.ts";
import type { Store } from "../store/store.ts";
import { lostBy } from "./attempt-event.ts";
import { createAttemptEvidence, evidenceSubject, type EvidenceSubject } from "./attempt-evidence.ts";
import { persist, type ReportOptions } from "./attempt-report.ts";
import { createAttemptResults, type AttemptResultsOptions } from "./attempt-results.ts";
import { makeAttemptSpec } from "./attempt-spec.ts";
import { credentialsOf } from "./access-keys.ts";
import { tokenOf } from "./attempt-token.ts";
import { createAttemptWatch, type AttemptWatch, type AttemptWatchOptions } from "./attempt-watch.ts";
import { imageOutcome } from "./image-outcome.ts";
import { imageOfRun, type ImagePolicy } from "./images.ts";
import type { ObjectTraffic } from "./object-traffic.ts";
import { attemptPrefix } from "./paths.ts";
import type { ReuseNotes } from "./reuse-note.ts";
import type { SigningKeys } from "./signing-keys.ts";

export interface AttemptsOptions extends AttemptResultsOptions {
  readonly store: Store;
  readonly executor: Executor;
  readonly imagePolicy?: ImagePolicy;
  readonly logs: AttemptLogs;
  readonly traffic: ObjectTraffic;
  readonly signingKeys: SigningKeys;
  /** @default every attempt reads and writes its objects itself */
  readonly objectsOf?: ((attempt: ObjectsOf) => AttemptObjects) | undefined;
  /** host:port at which attempts reach the server. */
  readonly endpoint: () => string;
  readonly stopGraceMs: number;
  /** How long the process of an attempt may go on once its result is written. */
  readonly lingerMs: number;
  readonly reuseNotes: Pick<ReuseNotes, "startedCold">;
  readonly log: Logger;
}

/** Where the objects of an attempt are. */
export interface ObjectsOf {
  readonly key: AttemptKey;
  readonly inputUri: string;
  /** URI prefix of its outputs, without a slash at its end. */
  readonly outputPrefix: string;
}

/** `stop` and `release` reject when this is closed meanwhile: the attempt is left to whoever drives the runs next. */
export interface Attempts {
  /** Starts the present attempt of an action, and watches it. Idempotent. */
  supervise(action: ActionRecord): void;
  /** As `supervise`, for an attempt that an earlier server may have started. */
  takeUp(action: ActionRecord): void;
  /** Those that are being started or watched. */
  readonly supervised: readonly AttemptKey[];
  /** Ends its process, waits until its end is recorded and its log closed, and frees what it holds. */
  stop(key: AttemptKey): Promise<void>;
  /** Frees what an ended attempt holds; waits for a process that goes on after its result, for so long as it may. */
  release(key: AttemptKey): Promise<void>;
  /** Does its process go on behind its result, so that `release` may wait for a long time? */
  isLingering(key: AttemptKey): boolean;
  /** It has written its outputs or an error: that counts, also where its process does not end by itself. */
  resultWritten(key: AttemptKey): void;
  /** Stops watching; processes go on. */
  close(): Promise<void>;
}

/** An attempt that is being started or watched. */
interface Supervised {
  readonly key: AttemptKey;
  /** Resolves when the start is done. */
  started: Promise<void>;
  /** An earlier server may have started it. */
  readonly isTakenUp: boolean;
  watch?: AttemptWatch;
}

/** An executor that has ended an attempt reports that at once; one that does not must not keep it from being freed. */
const END_REPORTED_MS = 30_000;

export function createAttempts(options: AttemptsOptions): Attempts {
  const { store, executor, logs, clock, log } = options;
  const results = createAttemptResults(options);
  const supervised = new Map<string, Supervised>();
  const closing = new AbortController();
  const reportOptions = (key: AttemptKey): ReportOptions => ({
    closing: closing.signal,
    clock,
    log: log.child({ attempt: attemptText(key) }),
  });

  const supervise = (action: ActionRecord, isTakenUp: boolean): void => {
    const key = keyOf(action);
    const name = attemptText(key);
    if (closing.signal.aborted || supervised.has(name)) return;
    const attempt: Supervised = { key, started: Promise.resolve(), isTakenUp };
    supervised.set(name, attempt);
    attempt.started = begin(action, key, attempt).catch(async (error: unknown) => {
      log.error("an attempt could not be started or watched", { attempt: name, error });
      await persist(() => end(action, lostBy(error)), reportOptions(key));
    });
  };

  const begin = async (action: ActionRecord, key: AttemptKey, attempt: Supervised): Promise<void> => {
    const sources = await store.attemptSources(action);
    if (sources === undefined) throw new Error(`action ${action.id} has lost its run or task`);
    const { run, definition } = sources;
    let image: ResolvedImage;
    try {
      image = sources.image ?? (await imageOfRun(options, run, definition.image));
    } catch (error) {
      return end(action, imageOutcome(error, definition.image));
    }
    const access = await executor.environmentFor({
      key,
      image,
      endpoint: options.endpoint(),
      token: tokenOf(options.signingKeys, key),
      ...credentialsOf(options.signingKeys, key),
    });
    const made = makeAttemptSpec({ run, action, definition, image, access });
    const outputPrefix = attemptPrefix(run.baseUri, action.key, key.attempt);
    const objects = options.objectsOf?.({ key, inputUri: action.inputUri, outputPrefix });
    const spec = objects === undefined ? made : { ...made, objects };
    const noteCold = (reason: string) => options.reuseNotes.startedCold(run, definition, reason);
    await watch(evidenceSubject({ run, action, definition, spec }), { action, noteCold }, attempt);
  };

  const watch = async (
    subject: EvidenceSubject,
    { action, noteCold }: Pick<AttemptWatchOptions, "action" | "noteCold">,
    attempt: Supervised,
  ): Promise<void> => {
    const { spec } = subject;
    const { key } = spec;
    // What runs already is not lost because its log cannot be opened now.
    const sink = await persist(() => logs.open(key), reportOptions(key), isShortage);
    if (sink === undefined) return;
    const { isTakenUp } = attempt;
    const evidence = createAttemptEvidence({ ...options, ...subject, isTakenUp, sink });
    const watching = createAttemptWatch({
      ...options,
      ...reportOptions(key),
      action,
      evidence,
      sink,
      results,
      noteCold,
    });
    attempt.watch = watching;
    const over = () => forget(key, attempt);
    void watching.closed.then(over, over);
    try {
      // Whoever drives the runs next starts it: here nobody would watch it any more.
      if (closing.signal.aborted) await watching.close();
      else await executor.start(spec, sink, watching.observer);
    } catch (error) {
      // Its end will not be reported, and that is what closes a log.
      await watching.close();
      throw error;
    }
  };

  /** An attempt that nobody watches has ended. */
  const end = async (action: ActionRecord, outcome: Outcome): Promise<void> => {
    await results.notWatched(action, outcome);
    supervised.delete(attemptText(keyOf(action)));
  };

  const forget = (key: AttemptKey, attempt: Supervised): void => {
    const name = attemptText(key);
    if (supervised.get(name) === attempt) supervised.delete(name);
  };

  const resultWritten = (key: AttemptKey): void => {
    const attempt = supervised.get(attemptText(key));
    void attempt?.started.then(() => attempt.watch?.resultWritten());
  };

  const release = async (key: AttemptKey): Promise<void> => {
    const { watch: watching } = supervised.get(attemptText(key)) ?? {};
    const untilMs = watching?.lingersUntilMs;
    if (watching !== undefined && untilMs !== undefined) {
      const ended = orAborted(watching.closed, closing.signal).then(() => true);
      const isOver = await within(ended, Math.max(0, untilMs - clock.now()), clock);
      if (isOver === undefined) return stop(key);
    }
    closing.signal.throwIfAborted();
    await executor.release(key);
  };

  const stop = async (key: AttemptKey): Promise<void> => {
    const attempt = supervised.get(attemptText(key));
    // A start under way must be over first, or it would make what we are about to end.
    await attempt?.started;
    closing.signal.throwIfAborted();
    const exitCode = await executor.stop(key, options.stopGraceMs);
    // Freed only when its end is on disk and nobody writes its log.
    if (attempt?.watch) await within(attempt.watch.closed, END_REPORTED_MS, clock);
    else await results.endedUnwatched(key, exitCode);
    // Who no longer drives the runs has not seen the end, and frees nothing.
    closing.signal.throwIfAborted();
    await executor.release(key);
    if (attempt === undefined) return;
    // An end that cannot be recorded is tried again in the background: no stop waits for it for ever.
    if (attempt.watch) await within(attempt.watch.close(), END_REPORTED_MS, clock);
    forget(key, attempt);
  };

  return {
    supervise: (action) => supervise(action, false),
    takeUp: (action) => {
      supervise(action, true);
      // What it wrote before may have been reported to an earlier server only.
      resultWritten(keyOf(action));
    },
    get supervised() {
      return [...supervised.values()].map(({ key }) => key);
    },
    stop,
    release,
    isLingering: (key) => (supervised.get(attemptText(key))?.watch?.lingersUntilMs ?? 0) > clock.now(),
    resultWritten,
    close: async () => {
      closing.abort(new Error("the attempts are left to whoever drives the runs next"));
      await executor.close();
      const all = [...supervised.values()];
      await Promise.allSettled(all.map(({ started }) => started));
      await Promise.allSettled(all.map(async ({ watch: watching }) => watching?.close()));
    },
  };
}

function keyOf(action: ActionRecord): AttemptKey {
  return { ...action.key, attempt: action.state.attempt };
}

export function attemptText(key: AttemptKey): string {
  return `${key.project}/${key.domain}/${key.run}/${key.action}/${key.attempt}`;
}
