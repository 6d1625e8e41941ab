/**
 * Watches a pull. Engines wait for ever for a registry that stays silent, and for minutes for one that limits its
 * requests, without a word: after a while without progress the registry is asked whether it returns the image's parts.
 */
import { BoxkiteError } from "../domain/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/wait.ts";

export interface WatchedPull {
  /** `onProgress` is to be called at each sign of progress, if the engine reports any. */
  readonly pull: (signal: AbortSignal, onProgress: () => void) => Promise<void>;
  /** Throws what keeps the registry from returning the image. */
  readonly check: () => Promise<void>;
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock;
}

const CHECK_AFTER_MS = 20_000;
/** A pull under way is not ended for a single failure that may pass by itself. */
const FAILED_CHECKS = 2;

/** Rejects with the pull's error, and with that of the check where it ended the pull. */
export async function watchPull({ pull, check, signal, clock }: WatchedPull): Promise<void> {
  const refused = new AbortController();
  let progressAtMs = clock.now();
  const pulling = pull(AbortSignal.any([refused.signal, ...(signal === undefined ? [] : [signal])]), () => {
    progressAtMs = clock.now();
  });
  const ended = pulling.then(
    () => true,
    () => true,
  );
  let failures = 0;
  while ((await within(ended, CHECK_AFTER_MS, clock)) === undefined) {
    if (clock.now() - progressAtMs < CHECK_AFTER_MS) continue;
    const error = await check().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    failures = error === undefined ? 0 : failures + 1;
    const mayPass = error instanceof BoxkiteError && error.recoverable;
    if (error === undefined || (mayPass && failures < FAILED_CHECKS)) continue;
    refused.abort(error);
    await ended;
    throw error;
  }
  await pulling;
}
