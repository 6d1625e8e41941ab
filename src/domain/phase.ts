/**
 * The phases of an action, in the order in which an ordinary action passes through them.
 *
 * - queued: accepted and on disk; waits for a free slot, or for the delay before a retry. A restart
 *   of the server changes nothing.
 * - waiting_for_resources: as queued, but a resource that it needs is in use: the reason says which. Or its
 *   attempt exists already, and the executor has no free capacity; or the attempt gave its capacity back
 *   until its children have ended (`suspended` in action.ts).
 * - initializing: an attempt was admitted; its image is being fetched or its container made. After a
 *   restart the executor is asked to start the same attempt again, which never starts a second one.
 * - running: the attempt's process runs. It continues while the server is down; the next start resumes supervising it.
 * - paused: a condition that waits for its signal.
 * - succeeded: its outputs are readable. Final.
 * - failed: the last allowed attempt failed; `error` says why. Final.
 * - aborted: ended by a request, or by the end of its parent. Final.
 * - timed_out: a time limit of the task ended it. Final.
 * - recovered: the result was taken over from an earlier run. Final.
 */
export const PHASES = [
  "queued",
  "waiting_for_resources",
  "initializing",
  "running",
  "paused",
  "succeeded",
  "failed",
  "aborted",
  "timed_out",
  "recovered",
] as const;

export type Phase = (typeof PHASES)[number];

export const TERMINAL_PHASES = ["succeeded", "failed", "aborted", "timed_out", "recovered"] as const;

export type TerminalPhase = (typeof TERMINAL_PHASES)[number];

export function isTerminal(phase: Phase): phase is TerminalPhase {
  return (TERMINAL_PHASES as readonly Phase[]).includes(phase);
}
