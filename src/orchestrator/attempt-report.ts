/**
 * What is told of one attempt, recorded in the order in which it was told, and nothing of it skipped: it is
 * told once, so a store that cannot write right now (its disk is full) is asked again. The log is closed
 * behind the last record, once, by whichever way the attempt is left.
 */
import type { LogSink } from "../domain/attempt.ts";
import { createBackoff } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";

export interface ReportOptions {
  /** Aborts when the server stops: the next one is told again, since attempts are taken up. */
  readonly closing: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface AttemptReport {
  /** To be done behind all that was added before, again until it is done. */
  add(work: () => Promise<unknown>): void;
  /** Resolves when all that was added is done and the log is closed. Nothing is added behind it. */
  close(): Promise<void>;
  /** Resolves once `close` has. */
  readonly closed: Promise<void>;
}

const BACKOFF = { baseMs: 200, factor: 2, capMs: 30_000 };

export function createReport(
  sink: LogSink & { close(): Promise<void> },
  options: ReportOptions,
): AttemptReport {
  const closed = Promise.withResolvers<void>();
  let chain: Promise<unknown> = Promise.resolve();
  let isClosing = false;
  return {
    add: (work) => {
      if (!isClosing) chain = chain.then(() => persist(work, options));
    },
    close: () => {
      if (!isClosing) closed.resolve(chain.then(() => sink.close()));
      isClosing = true;
      return closed.promise;
    },
    closed: closed.promise,
  };
}

/**
 * Does it until it is done. Resolves with undefined where the server stops before, and rejects with an error that
 * does not pass.
 */
export async function persist<T>(
  work: () => Promise<T>,
  { closing, clock, log }: ReportOptions,
  passes: (error: unknown) => boolean = () => true,
): Promise<T | undefined> {
  const pause = createBackoff(BACKOFF, clock);
  while (!closing.aborted) {
    try {
      return await work();
    } catch (error) {
      if (!passes(error)) throw error;
      const pauseMs = pause.nextMs;
      log.error("a change of an attempt could not be recorded, and will be tried again", {
        pauseMs,
        error,
      });
      await pause.wait(closing).catch(() => {});
    }
  }
  return undefined;
}
