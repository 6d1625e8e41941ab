/** The server's phase numbers as the SDK's words. */
import type { Phase } from "../authoring/run-handle.ts";
import { ActionPhase } from "../../wire/gen/flyteidl2/common/phase_pb.js";

const PHASES: Readonly<Partial<Record<ActionPhase, Phase>>> = {
  [ActionPhase.QUEUED]: "queued",
  [ActionPhase.WAITING_FOR_RESOURCES]: "waiting_for_resources",
  [ActionPhase.INITIALIZING]: "initializing",
  [ActionPhase.RUNNING]: "running",
  [ActionPhase.SUCCEEDED]: "succeeded",
  [ActionPhase.FAILED]: "failed",
  [ActionPhase.ABORTED]: "aborted",
  [ActionPhase.TIMED_OUT]: "timed_out",
  [ActionPhase.PAUSED]: "paused",
  [ActionPhase.RECOVERED]: "recovered",
};

/** A phase this version does not know counts as queued: not ended, nothing to say about it. */
export function decodePhase(phase: ActionPhase): Phase {
  return PHASES[phase] ?? "queued";
}
