/** Attempts: their names, where their output goes, how they end, and what is kept of them. */
import type { ActionCode } from "./action-codes.ts";
import type { ActionError, TimeMs } from "./action.ts";
import type { AttemptStart } from "./attempt-start.ts";
import type { ErrorCode } from "./errors.ts";
import type { ActionKey } from "./ids.ts";
import type { ResolvedImage } from "./image.ts";
import type { Phase } from "./phase.ts";

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

/** A process that the kernel killed for lack of memory. */
export interface MemoryKill {
  /** Its name, as `ps` shows it. */
  readonly process: string;
  /** Bytes that it had in use; undefined where the kernel does not say. */
  readonly bytes?: number;
  /** Whose memory ran out: that of the attempt's limit, or that of the whole machine. */
  readonly of: "limit" | "machine";
}

/** Which limits an attempt met, whether it still runs or not. */
export interface LimitFacts {
  /** It, or a process that it started, was killed for using more memory than its limit. */
  readonly outOfMemory: boolean;
  /** Processes of the attempt that the kernel killed for lack of memory, as far as its log can be read. */
  readonly memoryKills?: readonly MemoryKill[];
  /** Processes and threads that it may have, where the kernel's log says that it was refused more. */
  readonly processLimit?: number;
}

/** What an executor knows of an attempt that has ended. */
export interface AttemptExit extends LimitFacts {
  /** Exit code of the process; undefined if it never started or is not known any more. */
  readonly exitCode?: number;
  /** The ENTRYPOINT of its image, where that ran in front of the attempt's arguments. */
  readonly entrypoint?: readonly string[];
  /**
   * - exited: the process ran and ended.
   * - start_failed: it could not be started, and would not start again: the fault of image or task.
   * - lost: it vanished, or the executor broke; a new attempt may succeed.
   * - preempted: its capacity was taken for something else; it starts again, and no failure is counted.
   * - parked: it gave its capacity back while it waits for others; a later attempt replays. No failure either.
   */
  readonly reason: "exited" | "start_failed" | "lost" | "preempted" | "parked";
  /** Unless it exited: of a failure a stable code such as `ENTRYPOINT_NOT_FOUND`, and a message for people. */
  readonly code?: ActionCode | ErrorCode;
  readonly message?: string;
  readonly hint?: string;
  /** Of a lost attempt: whether another one may succeed. @default true */
  readonly recoverable?: boolean;
  /** Milliseconds since the epoch. */
  readonly startedAt?: number;
  readonly endedAt?: number;
}

/** How an attempt ended: by itself, because a time limit or an abort ended it, or because its capacity was given back. */
export type AttemptOutcome =
  | "succeeded"
  | "failed"
  | "lost"
  | "timed_out"
  | "aborted"
  | "preempted"
  | "parked";

/** What is known of an attempt. In a change, undefined fields keep what is stored. */
export interface AttemptFacts {
  readonly attempt: number;
  readonly image?: ResolvedImage | undefined;
  readonly start?: AttemptStart | undefined;
  readonly startedAt?: TimeMs | undefined;
  readonly endedAt?: TimeMs | undefined;
  readonly exitCode?: number | undefined;
  readonly outcome?: AttemptOutcome | undefined;
  readonly error?: ActionError | undefined;
  readonly outputUri?: string | undefined;
}

/** What is stored of an attempt; without an outcome while it lives. */
export interface AttemptRecord extends AttemptFacts {
  readonly createdAt: TimeMs;
  readonly transitions: readonly PhaseChange[];
}

/** Whether its program has run, so that it has a log, if an empty one. */
export function hasRun({ startedAt, exitCode }: Pick<AttemptFacts, "startedAt" | "exitCode">): boolean {
  return startedAt !== undefined || exitCode !== undefined;
}

export interface PhaseChange {
  readonly phase: Phase;
  readonly at: TimeMs;
  readonly reason?: string | undefined;
  /** Who asked for it (`Principal.who`), where somebody did. */
  readonly by?: string | undefined;
}
