/** Why an attempt whose task has a reuse policy gets a container of its own. */
import type { AdaptedAttempt } from "../start-adapter.ts";
import { modeOf } from "../workers/plan.ts";
import type { ConfinementPolicy } from "./confinement.ts";
import { planInContainer } from "./plan-in-container.ts";
import type { WarmStarts } from "./warm-starts.ts";

/** Undefined where it has no policy, or where none has an effect on this server: that is known before any attempt. */
export function whyCold(
  adapted: AdaptedAttempt,
  warm: (Pick<WarmStarts, "setting"> & { readonly pools: Pick<WarmStarts["pools"], "states"> }) | undefined,
  policy: ConfinementPolicy,
): string | undefined {
  const { spec } = adapted;
  const mode = spec.reuse && warm && modeOf(spec, warm.setting);
  if (mode === undefined) return undefined;
  const planned = planInContainer(adapted, mode, policy);
  if ("cold" in planned) return planned.cold;
  const state = warm?.pools.states().find(({ pool }) => pool === planned.plan.pool);
  return state?.problem === undefined
    ? "no worker of its pool could take it"
    : `no worker could be made for it: ${state.problem}`;
}
