/** Why an attempt whose task has a reuse policy gets a container of its own. */
import type { AdaptedAttempt } from "../start-adapter.ts";
import { modeOf } from "../workers/plan.ts";
import type { ConfinementPolicy } from "./confinement.ts";
import { planInContainer } from "./plan-in-container.ts";
import type { WarmStarts } from "./warm-starts.ts";

/** Undefined where it has no policy, or where none has an effect on this server: that is known before any attempt. */
export function whyCold(
  adapted: AdaptedAttempt,
  warm: Pick<WarmStarts, "setting"> | undefined,
  policy: ConfinementPolicy,
): string | undefined {
  const { spec } = adapted;
  const mode = spec.reuse && warm && modeOf(spec, warm.setting);
  if (mode === undefined) return undefined;
  const planned = planInContainer(adapted, mode, policy);
  return "cold" in planned ? planned.cold : "no worker of its pool could take it";
}
