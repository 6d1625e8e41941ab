/** How an attempt is started in a worker. */
import type { WorkerMode } from "../../domain/warm-start.ts";
import type { Pulling } from "../attempt-chart.ts";
import type { PlannedStart } from "../workers/held-in-worker.ts";
import type { AttemptContext } from "./attempt-context.ts";
import { planInContainer } from "./plan-in-container.ts";

/** Undefined: no worker can take it. `pulling`: nothing is known before its image is here. */
export async function planAttempt(
  { image, settings, log }: AttemptContext,
  mode: WorkerMode,
  signal: AbortSignal,
): Promise<PlannedStart | Pulling | undefined> {
  if (!(await image.adapt(signal))) return image.missing();
  const { adapted } = image;
  if (adapted === undefined) return undefined;
  const planned = planInContainer(adapted, mode, settings.policy);
  if (!("cold" in planned)) return { ...planned, spec: adapted.spec, start: adapted.start };
  log.debug("no worker can take the attempt", { reason: planned.cold });
  return undefined;
}
