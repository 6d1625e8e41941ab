import type { Phase } from "../../domain/phase.ts";
import type { ActionPhase } from "../../wire/gen/flyteidl2/common/phase_pb.js";
import { decodePhase } from "../../wire/phase.ts";

/** A phase this version does not know, or none, counts as queued: not ended, nothing to say about it. */
export function phaseOf(number: ActionPhase | undefined): Phase {
  return (number === undefined ? undefined : decodePhase(number)) ?? "queued";
}
