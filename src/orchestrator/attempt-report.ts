/**
 * What an executor reports of one attempt is recorded in order, and nothing is skipped: it is reported once, so
 * a write that the store cannot do now (its disk is full) is tried again. The log is closed after the last record,
 * once, however the attempt is left.
 */
import type { LogSink } from "../domain/attempt.ts";
import { createBackoff } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";

export interface ReportOptions {
  /** Aborts when the server stops: to the next one all is reported again, since attempts are taken up. */
  readonly closing: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface AttemptReport {
  /** To be done after all that was added before, tried until it is done. */
  add(work: () => Promise<unknown>): void;
  /** Resolves when all that was added is done and the log is closed. Nothing can be added after it. */
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
