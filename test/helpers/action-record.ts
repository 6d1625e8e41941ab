/** An action as the store returns it, for tests without a store. */
import type { ActionRecord } from "../../src/domain/action-record.ts";
import { NO_RETRIES, type ActionState } from "../../src/domain/action.ts";
import { newTaskState } from "../../src/domain/initial-state.ts";

/** A queued task of run r in queue q, but for what is given. */
export function actionRecord(
  id: number,
  name: string,
  state: Partial<ActionState> = {},
  more: Partial<ActionRecord> = {},
): ActionRecord {
  return {
    id,
    runId: 1,
    key: { project: "p", domain: "d", run: "r", action: name },
    kind: "task",
    group: "",
    queue: "q",
    displayName: name,
    taskName: "",
    taskVersion: "",
    taskType: "",
    environment: "",
    inputUri: "",
    policy: NO_RETRIES,
    state: { ...newTaskState(1), ...state },
    version: 1,
    seq: id,
    ...more,
  };
}
