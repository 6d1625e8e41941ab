/** Which workers in containers can take an attempt, and why none can. */
import type { WorkerMode } from "../../domain/warm-start.ts";
import type { AttemptSpec } from "../executor.ts";
import type { AdaptedAttempt, NoWorker } from "../start-adapter.ts";
import { planOf, type PlannedAttempt } from "../workers/plan.ts";
import { confine, type ConfinementPolicy } from "./confinement.ts";

export function planInContainer(
  adapted: AdaptedAttempt,
  mode: WorkerMode,
  policy: ConfinementPolicy,
): PlannedAttempt | NoWorker {
  const cold = refusal(adapted.spec, policy);
  return cold === undefined ? planOf(adapted, mode) : { cold };
}

function refusal(spec: AttemptSpec, policy: ConfinementPolicy): string | undefined {
  const { isolation, readOnlyRoot } = confine(spec, policy);
  // gVisor and virtual machines do not share sockets with this machine.
  if (isolation !== undefined) return `its container is made by the OCI runtime ${isolation}`;
  const hasFiles = (spec.archives ?? []).length > 0 || Object.keys(spec.secretFiles ?? {}).length > 0;
  // Podman 4.3 and Docker refuse to write there while the container runs.
  return readOnlyRoot && hasFiles
    ? "files cannot be brought into a running container whose root is read-only"
    : undefined;
}
