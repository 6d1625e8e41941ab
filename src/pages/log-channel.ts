/**
 * The log within a stream: follows the attempt that is shown, moves on to the next attempt where none was chosen,
 * and reads on in a log that was closed only because the server restarted.
 */
import type { ActionKey } from "../domain/ids.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { AttemptLogs } from "../logs/attempt-logs.ts";
import { followLog, type LogBatch } from "./log-follower.ts";

export interface LogChannelOptions {
  readonly logs: AttemptLogs;
  readonly clock: Clock;
  readonly log: Logger;
  readonly action: ActionKey;
  /** What the page has already: it goes on there. */
  readonly seen: { readonly attempt: number; readonly line: number };
  readonly signal: AbortSignal;
  readonly deliver: (attempt: number, batch: LogBatch) => Promise<void>;
}

export class LogChannel {
  readonly #options: LogChannelOptions;
  #attempt: number;
  #next: number;
  #stop: AbortController | undefined;
  /** While one follows; resolves at its end. */
  #following: Promise<void> | undefined;
  #complete = false;

  constructor(options: LogChannelOptions) {
    this.#options = options;
    this.#attempt = options.seen.attempt;
    this.#next = options.seen.line;
  }

  /** `isOver`: nothing more is written to the attempt's log once it is closed. */
  show(attempt: number, isOver: boolean): void {
    if (attempt !== this.#attempt) {
      this.close();
      this.#following = undefined;
      this.#attempt = attempt;
      this.#next = 0;
      this.#complete = false;
    }
    if (attempt === 0) this.#complete = isOver;
    else if (!this.#complete) this.#following ??= this.#follow(attempt, isOver);
  }

  /** Has the whole log of an ended attempt been delivered? */
  get isComplete(): boolean {
    return this.#complete;
  }

  /** Resolves when the present log is closed; undefined where there is none to follow. */
  get following(): Promise<void> | undefined {
    return this.#following;
  }

  close(): void {
    this.#stop?.abort();
  }

  async #follow(attempt: number, isOver: boolean): Promise<void> {
    const { logs, clock, log, action, signal, deliver } = this.#options;
    const stop = new AbortController();
    this.#stop = stop;
    let next = this.#next;
    try {
      const key = { ...action, attempt };
      if (await logs.exists(key)) {
        next = await followLog(logs, key, {
          fromLine: next,
          clock,
          signal: AbortSignal.any([signal, stop.signal]),
          deliver: (batch) => (stop.signal.aborted ? Promise.resolve() : deliver(attempt, batch)),
        });
      }
    } catch (error) {
      log.warn("a log could not be shown", { ...action, attempt, error });
    }
    if (stop.signal.aborted) return;
    this.#next = next;
    this.#following = undefined;
    // Begun after the attempt's end, so all of it was seen.
    if (isOver) this.#complete = true;
  }
}
