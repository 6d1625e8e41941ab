import { setTimeout as sleep } from "node:timers/promises";

/** Polls until another process has made the condition true. Throws after the timeout. */
export async function until(condition: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`the condition was not met within ${timeoutMs} ms`);
    await sleep(50);
  }
}
