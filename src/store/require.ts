/** Records that must be there: found, or the error that says what is missing. */
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

/** Throws ACTION_NOT_FOUND; RUN_NOT_FOUND where there is not even the run. */
export async function requireAction(store: StoreReader, key: ActionKey): Promise<ActionRecord> {
  const action = await store.getAction(key);
  if (action) return action;
  await requireRun(store, key);
  throw new BoxkiteError("ACTION_NOT_FOUND", `there is no action ${actionKeyText(key)}`);
}
