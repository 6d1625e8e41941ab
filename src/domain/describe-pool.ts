/** For people: what there is of a pool of workers. */
import type { PoolState } from "./pool-state.ts";

/** `2 idle, 1 busy`. */
export function workersText({ starting, idle, busy }: Pick<PoolState, "starting" | "idle" | "busy">): string {
  const parts = Object.entries({ starting, idle, busy }).filter(([, count]) => count > 0);
  return parts.length === 0 ? "none" : parts.map(([state, count]) => `${count} ${state}`).join(", ");
}

/** Whose attempts it takes: `project/domain`, or `project/domain/run`. */
export function scopeText({ project, domain, run }: Pick<PoolState, "project" | "domain" | "run">): string {
  return [project, domain, ...(run === undefined ? [] : [run])].join("/");
}
