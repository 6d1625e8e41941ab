/** What everyone who has to do with attempts agrees on: their names, and where their output goes. */
import type { ActionKey } from "./ids.ts";

/** One attempt of one action; `attempt` counts from 1. The key is unique for ever. */
export interface AttemptKey extends ActionKey {
  readonly attempt: number;
}

/** Where the output of an attempt goes. */
export interface LogSink {
  /** One line without its line end. `atMs`: milliseconds since the epoch. */
  write(stream: "stdout" | "stderr" | "system", line: string, atMs: number): void;
  /** Resolves when everything written so far is in the file. */
  flush(): Promise<void>;
  /** Time of the newest line already kept, or undefined: where to go on after a restart. */
  readonly lastAtMs: number | undefined;
}
