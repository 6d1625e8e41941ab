/** Calls to an engine that is unreachable for a while, or fails in passing, are made again. */
import { BoxkiteError } from "../../domain/errors.ts";
import { EngineResponseError } from "../../containers/http.ts";
import { createBackoff } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { AttemptEnded } from "../attempt-machine.ts";
import { RETRY_BACKOFF } from "../retry-backoff.ts";

export interface EngineRetryOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** How long the engine may be unreachable before its attempts count as lost. */
  readonly lostAfterMs: number;
  readonly onUnreachable: (message: string) => void;
}

/** A time in which the engine could not be reached, in milliseconds since the epoch. */
export interface Outage {
  readonly sinceMs: number;
  /** When it answered again; without end while it has not. */
  readonly untilMs: number;
}

/** Answers of status 500 and above that are tolerated: Podman gives some for what it is just changing. */
const TOLERATED_FAILURES = 3;

export class EngineRetry {
  readonly #options: EngineRetryOptions;
  #outage: Outage | undefined;

  constructor(options: EngineRetryOptions) {
    this.#options = options;
  }

  /** The last one. */
  get outage(): Outage | undefined {
    return this.#outage;
  }

  /**
   * Repeats a call, which must be repeatable, until the engine answers. Throws AttemptEnded where it has been
   * unreachable for too long, and what the call threw where the signal aborts.
   */
  async run<T>(call: () => Promise<T>, signal: AbortSignal, failures: "tolerate" | "throw"): Promise<T> {
    const { clock, log } = this.#options;
    const backoff = createBackoff(RETRY_BACKOFF, clock);
    const sinceMs = clock.now();
    let failuresLeft = failures === "tolerate" ? TOLERATED_FAILURES : 0;
    for (;;) {
      try {
        const result = await call();
        this.#answered();
        return result;
      } catch (error) {
        if (signal.aborted) throw error;
        if (isFailure(error) && failuresLeft > 0) failuresLeft--;
        else if (isUnreachable(error)) this.#stillUnreachable(error, sinceMs);
        else throw error;
        log.debug("asking the engine again", { error });
        await backoff.wait(signal);
      }
    }
  }

  #answered(): void {
    if (this.#outage?.untilMs !== Infinity) return;
    this.#outage = { ...this.#outage, untilMs: this.#options.clock.now() };
  }

  #stillUnreachable(error: BoxkiteError, sinceMs: number): void {
    const { clock, lostAfterMs, onUnreachable } = this.#options;
    if (this.#outage?.untilMs !== Infinity) this.#outage = { sinceMs, untilMs: Infinity };
    if (clock.now() - sinceMs <= lostAfterMs) {
      onUnreachable(`waiting for the container engine: ${error.message}`);
      return;
    }
    throw new AttemptEnded({
      reason: "lost",
      outOfMemory: false,
      code: error.code,
      message: `the container engine has not answered for ${Math.round(lostAfterMs / 1000)} s: ${error.message}`,
      ...(error.hint !== undefined && { hint: error.hint }),
    });
  }
}

function isUnreachable(error: unknown): error is BoxkiteError {
  return error instanceof BoxkiteError && error.code === "ENGINE_UNREACHABLE";
}

function isFailure(error: unknown): boolean {
  return error instanceof EngineResponseError && error.status >= 500;
}
