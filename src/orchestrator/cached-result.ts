/** Whether an action has its result already, so that nothing of it will run. */
import type { NewAction } from "../domain/action-record.ts";
import type { ProjectKey } from "../domain/ids.ts";
import type { StoreReader } from "../store/reader.ts";

/** As far as the store knows: admission also reads the result, and computes it again where it is damaged. */
export async function hasCachedResult(
  store: Pick<StoreReader, "findCached">,
  scope: ProjectKey,
  { cache, state }: Pick<NewAction, "cache" | "state">,
): Promise<boolean> {
  if (cache === undefined || cache.overwrite) return false;
  const found = await store.findCached(cache.key, cache.sameProject ? scope : undefined);
  if (found === undefined) return false;
  return cache.maxAgeMs === undefined || state.createdAt - found.createdAt <= cache.maxAgeMs;
}
