/** Operations of an engine that the removal of an image disturbs, by whomever, are tried again. */
import type { Backoff } from "../domain/backoff.ts";
import { messageOf } from "../domain/errors.ts";
import { createBackoff } from "../lib/backoff.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import { findFailure } from "../lib/failure-table.ts";
import { STORAGE_FAILURES } from "./failures/storage.ts";

/** Where many images are removed, the next try may be disturbed, too. All waits together: 3.1 s. */
const BACKOFF: Backoff = { baseMs: 100, factor: 2, capMs: 1_600 };
const RETRIES = 5;

export interface StorageRetryOptions {
  /** Of an error: by default its message is taken for the engine's. */
  readonly isDisturbed?: (error: unknown) => boolean;
  readonly onRetry?: () => void;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
}

/** Rejects with the last error, and with the signal's reason when that aborts during a wait. */
export async function retryIfStorageChanged<T>(
  work: () => Promise<T>,
  options: StorageRetryOptions = {},
): Promise<T> {
  const { isDisturbed = (error) => isStorageChange(messageOf(error)), onRetry, signal } = options;
  const backoff = createBackoff(BACKOFF, options.clock ?? systemClock);
  for (let retries = 0; ; retries++) {
    try {
      return await work();
    } catch (error) {
      if (retries === RETRIES || !isDisturbed(error)) throw error;
      await backoff.wait(signal);
      onRetry?.();
    }
  }
}

/** `text`: the engine's own words, not those of a program that it runs. */
export function isStorageChange(text: string): boolean {
  return findFailure(STORAGE_FAILURES, { text }, undefined)?.retry === "now";
}
