/** Follows the log of one container into its sink, across breaks of the connection, to its very end. */
import type { Logger } from "../../lib/log.ts";
import type { LogSink } from "../../domain/attempt.ts";
import { createBackoff } from "../../lib/backoff.ts";
import type { Clock, Timer } from "../../lib/clock.ts";
import type { EngineApi } from "../../containers/api.ts";
import { readLogFrames } from "../../containers/log-frames.ts";
import { LogWriter } from "./log-writer.ts";
import { RETRY_BACKOFF } from "../retry-backoff.ts";

/** Shorter lives are read once, at their end. */
const FOLLOW_AFTER_MS = 50;
/** The rest of a log is given up when nothing of it has come for so long. */
const STALLED_MS = 60_000;

export class LogTail {
  readonly writer: LogWriter;
  readonly #api: Pick<EngineApi, "containerLogs">;
  readonly #id: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  /** Also those that were passed over. */
  #framesRead = 0;
  #following: Promise<void> = Promise.resolve();

  constructor(
    api: Pick<EngineApi, "containerLogs">,
    containerId: string,
    sink: LogSink,
    clock: Clock,
    log: Logger,
  ) {
    this.#api = api;
    this.#id = containerId;
    this.#clock = clock;
    this.#log = log;
    this.writer = new LogWriter(sink);
  }

  follow(): void {
    this.#following = this.#follow(this.#stopping.signal);
  }

  /** Follows it no longer; the log stays as it is. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
  }

  /**
   * Writes what is still missing of an ended container. A following reader of Podman 4.3 sees the end a
   * quarter of a second late, since it polls; reading once more takes some milliseconds.
   */
  async finish(signal: AbortSignal): Promise<void> {
    await this.stop();
    await this.#readRest(signal);
    this.writer.end();
  }

  /** Nothing more can be read: what was begun is written. */
  async giveUp(): Promise<void> {
    await this.stop();
    this.writer.end();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const backoff = createBackoff(RETRY_BACKOFF, this.#clock);
    try {
      await this.#clock.sleep(FOLLOW_AFTER_MS, { signal });
      while (!signal.aborted) {
        const before = this.writer.frames;
        try {
          await this.#read(true, signal);
        } catch (error) {
          if (!signal.aborted)
            this.#log.debug("the log of a container was interrupted", { container: this.#id, error });
        }
        if (this.writer.frames > before) backoff.reset();
        await backoff.wait(signal);
      }
    } catch {
      // Only waiting rejects here, when it is stopped.
    }
  }

  /** Docker may hang in a damaged log file: that must not keep the end of the attempt from being reported. */
  async #readRest(signal: AbortSignal): Promise<void> {
    const stalled = new AbortController();
    const check = (before: number): Timer =>
      this.#clock.timer(STALLED_MS, () => {
        if (this.#framesRead > before) timer = check(this.#framesRead);
        else stalled.abort(new Error(`the engine sent nothing for ${STALLED_MS / 1000} s`));
      });
    let timer = check(this.#framesRead);
    try {
      await this.#read(false, AbortSignal.any([signal, stalled.signal]));
    } finally {
      timer.cancel();
    }
  }

  /** From the beginning, passing over the frames that were taken already. */
  async #read(follow: boolean, signal: AbortSignal): Promise<void> {
    const chunks = await this.#api.containerLogs(this.#id, { follow, signal });
    if (chunks === undefined) return;
    let skip = this.writer.frames;
    for await (const frame of readLogFrames(chunks)) {
      this.#framesRead++;
      if (skip > 0) skip--;
      else if (signal.aborted) return;
      else this.writer.take(frame);
    }
  }
}
