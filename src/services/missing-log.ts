/** Why a log that was asked for does not exist. */
import { attemptIsOver } from "../domain/action.ts";
import { BoxkiteError, textOf } from "../domain/errors.ts";
import { isSleep } from "../domain/sleep.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { RunRecord } from "../domain/run.ts";

/** LOGS_NOT_FOUND for one that may still come, which clients wait for; NO_LOGS for one that will not. */
export function missingLog(
  run: RunRecord,
  { key, state, taskType }: ActionRecord,
  attempt: number,
): BoxkiteError {
  if (run.logsRemovedAt !== undefined) {
    const at = new Date(run.logsRemovedAt).toISOString();
    return new BoxkiteError(
      "NO_LOGS",
      `the logs of run ${key.run} were removed at ${at}: it had ended long ago`,
      {
        hint: "boxkite up --keep-logs-days N says how long logs are kept",
      },
    );
  }
  const happened = Math.max(1, state.attempt);
  if (!attemptIsOver(state, attempt)) {
    return new BoxkiteError("LOGS_NOT_FOUND", `attempt ${attempt} of action ${key.action} has no log yet`);
  }
  if (attempt > happened) {
    const last = `its last attempt is ${happened}`;
    return new BoxkiteError("NO_LOGS", `action ${key.action} has had no attempt ${attempt}: ${last}`);
  }
  const why = isSleep({ taskType })
    ? "it is a sleep, which runs no program"
    : state.source
      ? "its result was taken over from another action"
      : `it was never started${state.error === undefined ? "" : `. ${state.error.code}: ${textOf(state.error)}`}`;
  return new BoxkiteError("NO_LOGS", `attempt ${attempt} of action ${key.action} has no log: ${why}`);
}
