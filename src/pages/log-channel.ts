/**
 * The log within a stream: follows the attempt that is shown, moves on to the next attempt where none was chosen,
 * and reads on in a log that was closed only because the server restarted.
 */
import type { ActionKey } from "../domain/ids.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { AttemptLogs, LogPart } from "../logs/attempt-logs.ts";
import { unreadable, type Unreadable } from "./log-status.ts";

/** Lines within this time are delivered together. */
const PAUSE_MS = 100;

export type DeliveredPart = Pick<LogPart, "lines" | "start" | "end">;

const NO_LINES: DeliveredPart = { lines: [], start: 0, end: 0 };

export interface LogChannelOptions {
  readonly logs: AttemptLogs;
  readonly clock: Clock;
  readonly log: Logger;
  readonly action: ActionKey;
  /** What the page has already: it goes on there. */
  readonly seen: { readonly attempt: number; readonly position: number };
  readonly signal: AbortSignal;
  /** Resolves when the client takes more. */
  readonly deliver: (attempt: number, part: DeliveredPart) => Promise<void>;
  readonly failed: (status: Unreadable) => Promise<void>;
}

export type ShownLogChannel = Pick<LogChannel, "show" | "isComplete" | "following">;

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
    this.#next = options.seen.position;
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
    const { logs, clock, log, action, signal, deliver, failed } = this.#options;
    const stop = new AbortController();
    this.#stop = stop;
    const key = { ...action, attempt };
    const left = AbortSignal.any([signal, stop.signal]);
    let next = this.#next;
    try {
      // The lines of the attempt before must not stand for those of this one.
      if (next === 0) await deliver(attempt, NO_LINES);
      for await (const part of logs.followEnd(key, next, { signal: left })) {
        if (left.aborted) break;
        await deliver(attempt, part);
        next = part.end;
        await clock.sleep(PAUSE_MS, { signal: left }).catch(() => {});
      }
    } catch (error) {
      await failed(unreadable(log, key, error));
    }
    if (stop.signal.aborted) return;
    this.#next = next;
    this.#following = undefined;
    // Begun after the attempt's end, so all of it was seen.
    if (isOver) this.#complete = true;
  }
}
