/**
 * Gives a queued action its place, unless its result is known already or somebody else computes it
 * right now. Waiting for somebody else costs no place and no retry.
 */
import { isQueued, type CachedResult } from "../domain/action.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { transition, type ActionEvent } from "../domain/transition.ts";
import type { Clock } from "../lib/clock.ts";
import type { Store } from "../store/store.ts";

export interface AdmissionOptions {
  readonly store: Store;
  readonly clock: Clock;
  /**
   * URIs of objects that the outputs of a result point at, as far as the run that made it may read them:
   * whoever gets the outputs may read those, too.
   */
  readonly urisInOutputs: (result: Pick<CachedResult, "outputUri" | "source">) => Promise<readonly string[]>;
}

/** The admitted action, or undefined where it got a result, waits, or is no longer queued. */
export async function admit(
  options: AdmissionOptions,
  queued: ActionRecord,
): Promise<ActionRecord | undefined> {
  const { store, clock } = options;
  for (let action: ActionRecord | undefined = queued; action; action = await store.getAction(queued.key)) {
    const now = clock.now();
    const known = await findResult(store, action, now);
    const elsewhere =
      known === undefined && action.cache?.serialize === true && (await store.isComputedElsewhere(action));
    const event = eventFor(known, elsewhere);
    const next = isQueued(action.state) ? transition(action.state, action.policy, event, now) : undefined;
    if (next === undefined) return undefined;
    const stored = await store.advance({
      action,
      state: next.state,
      effects: next.effects,
      at: now,
      attempt: event.type === "admitted" ? { attempt: next.state.attempt } : undefined,
      grants: known && [`${known.outputUri}/`, ...(await options.urisInOutputs(known))],
      ifComputedElsewhere: known === undefined && action.cache?.serialize ? elsewhere : undefined,
    });
    if (stored === "conflict") continue;
    return event.type === "admitted" ? stored : undefined;
  }
  return undefined;
}

function eventFor(known: CachedResult | undefined, elsewhere: boolean): ActionEvent {
  if (known) return { type: "cacheHit", outputUri: known.outputUri, source: known.source };
  if (elsewhere) return { type: "parked", reason: "another action computes the same result" };
  return { type: "admitted" };
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
