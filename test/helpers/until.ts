import { setTimeout as sleep } from "node:timers/promises";

/** Waits for something that another process brings about; fails after a while instead of hanging. */
export async function until(condition: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error("the condition did not come true in time");
    await sleep(50);
  }
}
