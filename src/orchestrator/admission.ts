/**
 * Admits a queued action, unless its result is cached or another action computes it right now. Waiting for
 * another action takes no slot and no retry.
 */
import { hasLiveAttempt, isQueued, type CachedResult } from "../domain/action.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { RunKey } from "../domain/ids.ts";
import { capText } from "../domain/resources.ts";
import type { ActionEvent } from "../domain/transition.ts";
import type { Store } from "../store/store.ts";
import type { Apply, Choose } from "./apply.ts";

export interface AdmissionOptions {
  readonly store: Store;
  readonly apply: Apply;
  /**
   * URIs of objects that the outputs of a result refer to, as far as the run that made it may read them:
   * the run that gets the outputs may read those too. Undefined where that run's caller may not read the result, or
   * where the outputs are damaged.
   */
  readonly urisInOutputs: (
    result: Pick<CachedResult, "outputUri" | "source">,
    reader: RunKey,
  ) => Promise<readonly string[] | undefined>;
}

/** Resolves with the admitted action, or undefined if it got a cached result, waits, or is no longer queued. */
export async function admit(
  options: AdmissionOptions,
  queued: ActionRecord,
): Promise<ActionRecord | undefined> {
  const { store } = options;
  const choose: Choose = async (action, now) => {
    if (!isQueued(action.state)) return undefined;
    const hit = await findResult(options, action, now);
    if (hit !== undefined) return hit;
    const admitted = admittedEvent(action.cpuCap);
    if (action.cache?.serialize !== true) return { event: admitted, extra: {} };
    const ifComputedElsewhere = await store.isComputedElsewhere(action);
    const event: ActionEvent = ifComputedElsewhere
      ? { type: "parked", reason: "another action computes the same result" }
      : admitted;
    return { event, extra: { ifComputedElsewhere } };
  };
  const stored = await options.apply(queued.key, choose, {}, queued);
  return stored && hasLiveAttempt(stored.state) ? stored : undefined;
}

export function admittedEvent(cpuCap: ActionRecord["cpuCap"]): ActionEvent {
  return { type: "admitted", reason: cpuCap && capText(cpuCap) };
}

/** The newest result that there is, or else the newest of the action's own project and domain. */
async function findResult(
  { store, urisInOutputs }: Pick<AdmissionOptions, "store" | "urisInOutputs">,
  { cache, key }: ActionRecord,
  now: number,
): Promise<Awaited<ReturnType<Choose>>> {
  if (cache === undefined || cache.overwrite) return undefined;
  for (const scope of cache.sameProject ? [key] : [undefined, key]) {
    const found = await store.findCached(cache.key, scope);
    if (found === undefined) return undefined;
    const { outputUri, source, createdAt } = found;
    if (cache.maxAgeMs !== undefined && now - createdAt > cache.maxAgeMs) return undefined;
    const uris = await urisInOutputs(found, key);
    if (uris === undefined) continue;
    return {
      event: { type: "cacheHit", outputUri, source },
      extra: { grants: outputUri === "" ? [] : [`${outputUri}/`, ...uris] },
    };
  }
  return undefined;
}
