/** Whether an attempt has a log, if an empty one: of those that have run, many write nothing, and then there is no file. */
import type { ActionRecord } from "../domain/action-record.ts";
import { hasRun, type AttemptKey, type AttemptRecord } from "../domain/attempt.ts";
import type { RunRecord } from "../domain/run.ts";
import type { AttemptLogs } from "../logs/attempt-logs.ts";
import type { StoreReader } from "../store/reader.ts";
import { requireRun } from "../store/require.ts";

interface LogSources {
  readonly logs: Pick<AttemptLogs, "exists">;
  readonly store: StoreReader;
}

/** Throws what looking for its file throws. */
export async function logExists(
  { logs, store }: LogSources,
  action: ActionRecord,
  attempt: number,
): Promise<boolean> {
  const key: AttemptKey = { ...action.key, attempt };
  if (await logs.exists(key)) return true;
  const [run, attempts] = await Promise.all([requireRun(store, key), store.listAttempts(action)]);
  return hasEmptyLog(run, attempts, attempt);
}

/** Of an attempt without a log file. `attempts`: of its action. */
export function hasEmptyLog(
  { logsRemovedAt }: Pick<RunRecord, "logsRemovedAt">,
  attempts: readonly AttemptRecord[],
  attempt: number,
): boolean {
  return logsRemovedAt === undefined && attempts.some((each) => each.attempt === attempt && hasRun(each));
}
