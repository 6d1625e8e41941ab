/** A started run, on a server or in this process. */
import type { Phase } from "../../domain/phase.ts";

export interface PhaseChange {
  /** What the run shows as a whole; `paused` while one of its actions, however deep, waits for a person. */
  readonly phase: Phase;
  /** Attempts so far. */
  readonly attempt: number;
  readonly at: Date;
}

export interface LogLine {
  readonly message: string;
  readonly at: Date | undefined;
  readonly source: "user" | "system";
}

/** `for await (const { phase } of run)` yields the phase now, then every change, and ends with the run. */
export interface Run<Out> extends AsyncIterable<PhaseChange> {
  readonly name: string;
  /** The page of the run in the console; of a local run, the folder of its files. */
  readonly url: string;
  /** Waits until the run has ended, however; resolves to its last phase and never rejects because of it. */
  wait(): Promise<Phase>;
  /** Waits, then the outputs. Rejects with the task's error if the run did not succeed. */
  outputs(): Promise<Out>;
  /** The lines of the first action's log, as they come; ends when the action has. `attempt` counts from 1. */
  logs(options?: { readonly attempt?: number }): AsyncIterable<LogLine>;
  /**
   * Answers a condition of the run, by its name; waits until a task asks it. Rejects if the answer is
   * not of the type that is asked for, or if the run ends without asking.
   */
  signal(condition: string, answer: boolean | number | string): Promise<void>;
  /** Ends the run. Rejects with ALREADY_ENDED if it has ended in another way. */
  abort(reason?: string): Promise<void>;
}
