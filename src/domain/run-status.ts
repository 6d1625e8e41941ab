/**
 * What a run shows as a whole. Its root's phase alone would call a run "running" while it waits for a person. This is
 * the one definition: pages, lists, their filters and clients all show it, and each run has exactly one.
 *
 * - queued: its root waits for a slot, for resources, for capacity of the executor, for the result of another action,
 *   or for the delay before its next attempt; the root's `reason` says which.
 * - running: its root has an attempt, or has given its capacity back while its children go on.
 * - paused: one of its actions, however deep, waits for a person, whatever else goes on.
 * - succeeded, failed, aborted, timed_out: how its root ended.
 *
 * The store keeps it with the run, so that lists are read by an index (store/sqlite/migrations/0004).
 */
import type { ActionState } from "./action.ts";
import { PHASES, type Phase } from "./phase.ts";

export const RUN_STATUSES = [
  "queued",
  "running",
  "paused",
  "succeeded",
  "failed",
  "aborted",
  "timed_out",
] as const satisfies readonly Phase[];

export type RunStatus = (typeof RUN_STATUSES)[number];

const OF_PHASE = {
  queued: "queued",
  waiting_for_resources: "queued",
  initializing: "running",
  running: "running",
  paused: "paused",
  succeeded: "succeeded",
  failed: "failed",
  aborted: "aborted",
  timed_out: "timed_out",
  recovered: "succeeded",
} as const satisfies Record<Phase, RunStatus>;

const LIVE: readonly RunStatus[] = ["queued", "running", "paused"];

/** Statuses are fewer than phases: this is the one that a phase of the root is part of. */
export function statusOfPhase(phase: Phase): RunStatus {
  return OF_PHASE[phase];
}

export function phasesOfStatus(status: RunStatus): Phase[] {
  return PHASES.filter((phase) => OF_PHASE[phase] === status);
}

export function isRunStatus(phase: Phase): phase is RunStatus {
  return (RUN_STATUSES as readonly Phase[]).includes(phase);
}

/** What clients get as the phase of a run: its root's, which says more, where that is part of the run's status. */
export function runPhase({ phase }: Pick<ActionState, "phase">, status: RunStatus): Phase {
  return statusOfPhase(phase) === status ? phase : status;
}

/** `waitsForPerson`: an action of the run is paused. */
export function runStatus(
  { phase, suspended }: Pick<ActionState, "phase" | "suspended">,
  waitsForPerson: boolean,
): RunStatus {
  const status = statusOfPhase(phase);
  if (!LIVE.includes(status)) return status;
  if (waitsForPerson) return "paused";
  return suspended === "parked" ? "running" : status;
}
