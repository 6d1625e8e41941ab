/** Recovery: a new run starts with what succeeded in an earlier one (seen with flyte 2.12.1). */
import type { RunKey } from "../domain/ids.ts";
import type { ActionRecord, NewAction } from "../domain/action-record.ts";
import { recoveredState } from "../domain/initial-state.ts";
import type { RunSettings } from "../domain/run.ts";
import type { StoredSpec } from "../domain/task.ts";
import { outputsUri } from "../domain/outputs.ts";
import { objectUrisInOutputs } from "../wire/literals.ts";
import type { ServiceContext } from "./context.ts";
import { keyOfUri } from "./object-keys.ts";
import { requireRun } from "../store/require.ts";

type Needs = Pick<ServiceContext, "store" | "objects" | "rights" | "bucket">;

/** The finished actions that the new run starts with: by name, so that its tasks find them. */
export async function seedsFrom(
  context: Needs,
  key: RunKey,
  recover: NonNullable<RunSettings["recover"]>,
): Promise<NewAction[]> {
  const source = await requireRun(context.store, { ...key, run: recover.run });
  const records = await context.store.succeededActions(source);
  const kept = records.filter((record) => !recover.rerun.includes(record.key.action));
  return Promise.all(kept.map((record) => seedOf(context, record)));
}

async function seedOf(context: Needs, record: ActionRecord): Promise<NewAction> {
  const { state, key } = record;
  const spec: StoredSpec | undefined =
    record.specDigest === undefined ? undefined : await context.store.getSpec(record.specDigest);
  return {
    name: key.action,
    parent: record.parent,
    kind: record.kind,
    group: record.group,
    queue: record.queue,
    spec,
    detail: record.detail,
    displayName: record.displayName,
    inputUri: record.inputUri,
    policy: record.policy,
    state: recoveredState(state, { ...key, attempt: state.attempt }),
    grants: await grantsFor(context, record),
  };
}

/** The result, and what it points at. */
async function grantsFor(
  { objects, rights, bucket }: Needs,
  { key, kind, state }: ActionRecord,
): Promise<readonly string[]> {
  const { outputUri } = state;
  if (outputUri === undefined || outputUri === "") return [];
  const file = outputsUri(kind, outputUri);
  const bytes = await objects.readAll(keyOfUri(file, bucket));
  const uris = bytes === undefined ? [] : objectUrisInOutputs(bytes);
  // Of the source run, which had the result itself.
  return rights.readable(key, [kind === "trace" ? outputUri : `${outputUri}/`, ...uris]);
}
