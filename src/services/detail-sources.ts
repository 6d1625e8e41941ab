/** What is read for the details of one action. */
import type { ActionRecord } from "../domain/action-record.ts";
import type { StoreReader } from "../store/reader.ts";
import { requireRun } from "../store/require.ts";
import type { DetailSources } from "../wire/details.ts";

export async function detailSources(store: StoreReader, record: ActionRecord): Promise<DetailSources> {
  const [run, spec, attempts] = await Promise.all([
    requireRun(store, record.key),
    record.specDigest === undefined ? undefined : store.getSpec(record.specDigest),
    store.listAttempts(record),
  ]);
  return { record, run, spec, attempts };
}
