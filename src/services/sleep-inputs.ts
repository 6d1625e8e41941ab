/** Sleeps: what they are accepted as follows from their input. */
import type { NewAction } from "../domain/action-record.ts";
import { acceptSleep, isSleepTask } from "../domain/sleep.ts";
import { decodeSleep } from "../wire/sleep-task.ts";
import { taskSubject } from "../wire/support.ts";
import type { ServiceContext } from "./context.ts";
import { readStoredInputs } from "./inputs.ts";

type Needs = Pick<ServiceContext, "objects" | "bucket" | "clock">;

/** A sleep with its time, and any other action as it is. The size of its inputs was checked before. Throws INVALID_ARGUMENT for an input that is no duration. */
export async function withSleep(context: Needs, action: NewAction): Promise<NewAction> {
  const definition = action.spec?.definition;
  if (definition === undefined || !isSleepTask(definition)) return action;
  const inputs = await readStoredInputs(context, action.inputUri);
  const policy = { ...action.policy, sleepMs: decodeSleep(inputs, taskSubject(definition.name)) };
  return { ...action, policy, ...acceptSleep(policy, context.clock.now(), action.cache) };
}
