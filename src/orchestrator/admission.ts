/**
 * Admits a queued action, unless its result is cached or another action computes it right now. Waiting for
 * another action takes no slot and no retry.
 */
import { hasLiveAttempt, isQueued, type CachedResult } from "../domain/action.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { capText } from "../domain/resources.ts";
import type { ActionEvent } from "../domain/transition.ts";
import type { Store } from "../store/store.ts";
import type { Apply, Choose } from "./apply.ts";

export interface AdmissionOptions {
  readonly store: Store;
  readonly apply: Apply;
  /**
   * URIs of objects that the outputs of a result refer to, as far as the run that made it may read them:
   * the run that gets the outputs may read those too. Undefined where the outputs are damaged.
   */
  readonly urisInOutputs: (
    result: Pick<CachedResult, "outputUri" | "source">,
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
    const known = await findResult(store, action, now);
    const uris = known && (await options.urisInOutputs(known));
    // A damaged result is computed anew.
    if (known && uris) {
      const grants = [`${known.outputUri}/`, ...uris];
      const { outputUri, source } = known;
      return { event: { type: "cacheHit", outputUri, source }, extra: { grants } };
    }
    const admitted: ActionEvent = { type: "admitted", reason: action.cpuCap && capText(action.cpuCap) };
    if (action.cache?.serialize !== true) return { event: admitted, extra: {} };
    const ifComputedElsewhere = await store.isComputedElsewhere(action);
    const event: ActionEvent = ifComputedElsewhere
      ? { type: "parked", reason: "another action computes the same result" }
      : admitted;
    return { event, extra: { ifComputedElsewhere } };
  };
  const stored = await options.apply(queued.key, choose);
  return stored && hasLiveAttempt(stored.state) ? stored : undefined;
}

async function findResult(
  store: Store,
  { cache, key }: ActionRecord,
  now: number,
): Promise<CachedResult | undefined> {
  if (cache === undefined || cache.overwrite) return undefined;
  const found = await store.findCached(cache.key, cache.sameProject ? key : undefined);
  if (found === undefined) return undefined;
  return cache.maxAgeMs === undefined || now - found.createdAt <= cache.maxAgeMs ? found : undefined;
}
