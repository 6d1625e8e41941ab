/** What an executor reports of one attempt, with a promise for each step. */
import type { AttemptExit, LogSink } from "../../src/domain/attempt.ts";
import type { AttemptStart } from "../../src/domain/attempt-start.ts";
import type { AttemptObserver } from "../../src/executors/executor.ts";

export interface RecordedLine {
  readonly stream: "stdout" | "stderr" | "system";
  readonly line: string;
  readonly atMs: number;
}

export class Recorder {
  readonly lines: RecordedLine[];
  readonly progress: string[] = [];
  readonly starts: AttemptStart[] = [];
  /** started, line and ended, in the order in which they were reported. */
  readonly told: string[] = [];
  readonly started: Promise<number>;
  readonly ended: Promise<AttemptExit>;
  readonly sink: LogSink;
  readonly observer: AttemptObserver;
  #waiting: {
    readonly text: string;
    readonly resolve: () => void;
    readonly reject: (error: Error) => void;
  }[] = [];

  /** `kept`: lines that an earlier server had written already. */
  constructor(kept: readonly RecordedLine[] = []) {
    this.lines = [...kept];
    const { lines } = this;
    const started = Promise.withResolvers<number>();
    const ended = Promise.withResolvers<AttemptExit>();
    this.started = started.promise;
    this.ended = ended.promise;
    started.promise.catch(() => {}); // Not every test waits for it.
    this.sink = {
      flush: async () => {},
      get lastAtMs() {
        return lines.at(-1)?.atMs;
      },
      write: (stream, line, atMs) => {
        this.told.push("line");
        lines.push({ stream, line, atMs });
        for (const each of this.#waiting.filter(({ text }) => text === line)) each.resolve();
        this.#waiting = this.#waiting.filter(({ text }) => text !== line);
      },
    };
    this.observer = {
      prepared: (start) => void this.starts.push(start),
      waiting: (reason) => void this.progress.push(reason),
      progress: (message) => void this.progress.push(message),
      started: (atMs) => {
        this.told.push("started");
        started.resolve(atMs);
      },
      ended: (exit) => {
        this.told.push("ended");
        ended.resolve(exit);
        // What has not come by now never will: whoever waits for it gets an error instead.
        const error = new Error(`the attempt ended: ${JSON.stringify(exit)}`);
        started.reject(error);
        for (const each of this.#waiting) each.reject(error);
        this.#waiting = [];
      },
    };
  }

  textOf(stream: RecordedLine["stream"]): string[] {
    return this.lines.filter((each) => each.stream === stream).map(({ line }) => line);
  }

  /** Resolves when a line of this text has been written. */
  line(text: string): Promise<void> {
    if (this.lines.some(({ line }) => line === text)) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ text, resolve, reject }));
  }
}
