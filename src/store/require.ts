/** Reads records that must exist; a missing one is an error that names it. */
import type { ActionRecord } from "../domain/action-record.ts";
import type { RunRecord } from "../domain/run.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { actionKeyText, type ActionKey, type RunKey } from "../domain/ids.ts";
import type { StoreReader } from "./reader.ts";

/** Throws RUN_NOT_FOUND. */
export async function requireRun(store: StoreReader, key: RunKey): Promise<RunRecord> {
  const run = await store.getRun(key);
  if (run) return run;
  throw new BoxkiteError("RUN_NOT_FOUND", `there is no run ${key.run} in ${key.project}/${key.domain}`);
}

/** Throws ACTION_NOT_FOUND, or RUN_NOT_FOUND if the run does not exist either. */
export async function requireAction(store: StoreReader, key: ActionKey): Promise<ActionRecord> {
  const action = await store.getAction(key);
  if (action) return action;
  await requireRun(store, key);
  throw new BoxkiteError("ACTION_NOT_FOUND", `there is no action ${actionKeyText(key)}`);
}
