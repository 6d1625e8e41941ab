/** For people: how an attempt was started that did not get a container of its own making. */
import type { WarmStart, WorkerMode } from "./warm-start.ts";

const MODES: Readonly<Record<WorkerMode, string>> = {
  one_shot: "one-shot",
  fork: "fork",
  resident: "resident",
};

export function describeMode(mode: WorkerMode): string {
  return MODES[mode];
}

/** `warm (fork): worker boxkite-w1 of pool 5f2c, after 3 other attempts`. */
export function describeWarmStart({ mode, pool, worker, earlierAttempts }: WarmStart): string {
  const where = `warm (${describeMode(mode)}): worker ${worker} of pool ${pool}`;
  return mode === "one_shot" ? where : `${where}, ${describeEarlier(earlierAttempts)}`;
}

function describeEarlier(count: number): string {
  if (count === 0) return "its first attempt";
  return `after ${count} other ${count === 1 ? "attempt" : "attempts"}`;
}

/** Whether attempts before it may have left something in its process or its container. */
export function followsOthers({ mode, earlierAttempts }: WarmStart): boolean {
  return mode !== "one_shot" && earlierAttempts > 0;
}
