/**
 * Tasks that only let time pass (`flyte.extras.Sleep`): the server keeps the time of each in the store, and no attempt of
 * one reaches an executor, so that it takes no slot, no processor and no memory.
 */
import type { ActionRecord, NewAction } from "./action-record.ts";
import type { AttemptPolicy, CacheUse, TimeMs } from "./action.ts";
import { newTaskState } from "./initial-state.ts";
import type { TaskDefinition } from "./task.ts";
import { transition } from "./transition.ts";

/** As the SDK calls them (flyte/extras/_sleep.py). */
const SLEEP_TASK_TYPE = "core-sleep";

export function isSleepTask({ type }: Pick<TaskDefinition, "type">): boolean {
  return type === SLEEP_TASK_TYPE;
}

export function isSleep({ taskType }: Pick<ActionRecord, "taskType">): boolean {
  return taskType === SLEEP_TASK_TYPE;
}

/**
 * How a sleep is accepted. It begins at once, and one of 0 s ends at once; where its result may be in the cache, it begins
 * when that was read.
 */
export function acceptSleep(
  policy: AttemptPolicy,
  now: TimeMs,
  cache?: CacheUse,
): Pick<NewAction, "state" | "effects" | "attempt"> {
  const state = { ...newTaskState(now, cache), wakeAt: now };
  if (cache !== undefined) return { state };
  const begun = transition(state, policy, { type: "admitted" }, now)?.state ?? state;
  const attempt = { attempt: begun.attempt, startedAt: now };
  if (policy.sleepMs !== 0) return { state: begun, attempt };
  const slept = transition(begun, policy, { type: "slept" }, now);
  return { state: begun, ...slept, attempt: { ...attempt, endedAt: now, outcome: "succeeded" } };
}
