/**
 * Looks after attempts: starts each one, or takes it up after a restart, turns what the executor tells
 * into events, and ends and frees attempts. Everything here may be repeated: an attempt is keyed, and
 * a stale event changes nothing.
 */
import type { ActionRecord } from "../domain/action-record.ts";
import type { AttemptExit, AttemptFacts, AttemptKey } from "../domain/attempt.ts";
import type { ResolvedImage } from "../domain/image.ts";
import { setTimeout as sleep } from "node:timers/promises";
import type { ActionError } from "../domain/action.ts";
import { BoxkiteError, messageOf, textOf } from "../domain/errors.ts";
import type { ActionKey } from "../domain/ids.ts";
import { judge, shorten, type Outcome, type Written } from "../domain/outcome.ts";
import type { ActionEvent } from "../domain/transition.ts";
import type { AttemptObserver, AttemptSpec, Executor } from "../executors/executor.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { AttemptLogs } from "../logs/attempt-logs.ts";
import type { Store } from "../store/store.ts";
import type { Apply } from "./apply.ts";
import { makeAttemptSpec } from "./attempt-spec.ts";
import { imageOfRun } from "./images.ts";
import { attemptPrefix } from "./paths.ts";
import type { RunIdentities } from "./run-identity.ts";

export interface AttemptsOptions {
  readonly store: Store;
  readonly executor: Executor;
  readonly logs: AttemptLogs;
  readonly identities: RunIdentities;
  readonly apply: Apply;
  /** What the task wrote under an output prefix. */
  readonly readWritten: (prefix: string) => Promise<Written>;
  /** host:port at which attempts reach the server. */
  readonly endpoint: () => string;
  readonly stopGraceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Attempts {
  /** Takes care of the present attempt of an action that initializes or runs. Idempotent. */
  supervise(action: ActionRecord): void;
  stop(key: AttemptKey): Promise<void>;
  release(key: AttemptKey): Promise<void>;
  /** Stops watching; processes go on. */
  close(): Promise<void>;
}

/** Between two tries to record what happened; doubled each time. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;

export function createAttempts(options: AttemptsOptions): Attempts {
  const { store, executor, logs, apply, clock, log } = options;
  /** Attempts that are being started or watched, by key; the promise ends when the start is done. */
  const watched = new Map<string, Promise<void>>();
  let closing = false;

  const supervise = (action: ActionRecord): void => {
    const key: AttemptKey = { ...action.key, attempt: action.state.attempt };
    const name = attemptText(key);
    if (closing || watched.has(name)) return;
    const started = begin(action, key).catch((error: unknown) => {
      log.error("attempt could not be looked after", { attempt: name, error });
      const lost = { kind: "lost" as const, error: systemError(error) };
      return persist(() => finish(action.key, key, lost, {}, undefined), name);
    });
    watched.set(name, started);
  };

  const begin = async (action: ActionRecord, key: AttemptKey): Promise<void> => {
    const { run, definition } = await describe(action);
    let image: ResolvedImage;
    try {
      image = await imageOfRun(store, executor, run, definition.image);
    } catch (error) {
      const outcome = imageOutcome(error, definition.image);
      await finish(action.key, key, outcome, {}, undefined);
      return;
    }
    const spec = makeAttemptSpec({
      run,
      action,
      definition,
      image,
      endpoint: options.endpoint(),
      credentials: options.identities.credentialsOf(run.key),
    });
    await watch(spec, action, image);
  };

  const describe = async (action: ActionRecord) => {
    const [run, spec] = await Promise.all([store.getRun(action.key), store.getSpec(action.specDigest ?? "")]);
    if (run === undefined || spec === undefined)
      throw new Error(`action ${action.id} has lost its run or task`);
    return { run, definition: spec.definition };
  };

  const watch = async (spec: AttemptSpec, action: ActionRecord, image: ResolvedImage): Promise<void> => {
    const { key } = spec;
    const sink = await logs.open(key);
    // Events of one attempt are applied in the order in which they were told, and none is skipped: it is
    // told once, so a store that cannot write right now (its disk is full) must be asked again.
    let chain: Promise<unknown> = Promise.resolve();
    const next = (work: () => Promise<unknown>) => {
      chain = chain.then(() => persist(work, attemptText(key)));
    };
    const tell = (event: ActionEvent, facts: AttemptFacts) =>
      next(() => apply(action.key, event, { attempt: facts }));
    const observer: AttemptObserver = {
      progress: (reason) =>
        tell({ type: "progress", attempt: key.attempt, reason }, { attempt: key.attempt, image }),
      started: (at) =>
        tell({ type: "started", attempt: key.attempt, at }, { attempt: key.attempt, startedAt: at, image }),
      ended: (exit) => {
        let failure: ActionError | undefined;
        next(async () => (failure = await settle(action, key, exit, image)));
        next(async () => {
          // Who follows a log learns here why it ends: the task itself may have been unable to say it.
          const lines = failure === undefined ? [] : `${failure.code}: ${textOf(failure)}`.split("\n");
          for (const line of lines) sink.write("system", line, clock.now());
          await sink.close();
        });
      },
    };
    try {
      await executor.start(spec, sink, observer);
    } catch (error) {
      // Nobody will tell of it, so nobody would close its log.
      await sink.close();
      throw error;
    }
  };

  /** Until it is done, or the server stops: then the next start takes the attempt up again. */
  const persist = async (work: () => Promise<unknown>, attempt: string): Promise<void> => {
    for (let pauseMs = FIRST_PAUSE_MS; !closing; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        await work();
        return;
      } catch (error) {
        log.error("what happened to an attempt could not be recorded, and will be tried again", {
          attempt,
          pauseMs,
          error,
        });
        await sleep(pauseMs);
      }
    }
  };

  /** Resolves with the failure, if it was one and counts. */
  const settle = async (
    action: ActionRecord,
    key: AttemptKey,
    exit: AttemptExit,
    image: ResolvedImage,
  ): Promise<ActionError | undefined> => {
    const run = await store.getRun(action.key);
    const prefix = attemptPrefix(run?.baseUri ?? "", key, key.attempt);
    const outcome = judge(await options.readWritten(prefix), exit, image.reference);
    return finish(action.key, key, outcome, { exit, image }, prefix);
  };

  const finish = async (
    action: ActionKey,
    key: AttemptKey,
    outcome: Outcome,
    known: { exit?: AttemptExit; image?: ResolvedImage },
    prefix: string | undefined,
  ): Promise<ActionError | undefined> => {
    const { attempt } = key;
    const error = outcome.kind === "succeeded" ? undefined : shortened(outcome.error);
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
    const event: ActionEvent =
      error === undefined
        ? { type: "attemptSucceeded", attempt, outputUri: prefix ?? "" }
        : { type: outcome.kind === "lost" ? "attemptLost" : "attemptFailed", attempt, error };
    const applied = await apply(action, event, { attempt: facts });
    watched.delete(attemptText(key));
    return applied && error;
  };

  return {
    supervise,
    stop: async (key) => {
      // A start under way must be over first, or it would make what we are about to end.
      await watched.get(attemptText(key));
      await executor.stop(key, options.stopGraceMs);
      await executor.release(key);
      watched.delete(attemptText(key));
    },
    release: (key) => executor.release(key),
    close: async () => {
      closing = true;
      await executor.close();
      await Promise.allSettled(watched.values());
    },
  };
}

function shortened<T extends { message: string }>(error: T): T {
  return { ...error, message: shorten(error.message) };
}

function systemError(error: unknown) {
  return { code: "Interrupted", message: messageOf(error), kind: "system" as const, recoverable: true };
}

/**
 * The codes that the SDK maps to ImagePullBackOffError and InvalidImageNameError (flyte 2.12.1,
 * convert_error_to_native); an image that is not there will not appear by trying again.
 */
function imageOutcome(error: unknown, image: string): Outcome {
  if (!(error instanceof BoxkiteError)) throw error;
  const { message, hint } = error;
  switch (error.code) {
    case "IMAGE_REFERENCE_INVALID":
      return {
        kind: "failed",
        error: { code: "InvalidImageName", message, hint, kind: "user", recoverable: false },
      };
    case "IMAGE_NOT_FOUND":
    case "IMAGE_UNAUTHORIZED":
    case "IMAGE_WRONG_PLATFORM":
      return {
        kind: "failed",
        error: { code: "ImagePullBackOff", message, hint, kind: "user", recoverable: false },
      };
    default:
      return {
        kind: "lost",
        error: {
          code: error.code,
          message: `image ${image}: ${message}`,
          hint,
          kind: "system",
          recoverable: true,
        },
      };
  }
}

export function attemptText(key: AttemptKey): string {
  return `${key.project}/${key.domain}/${key.run}/${key.action}/${key.attempt}`;
}
