/** Calls per second of each project: a bucket in memory, which fills by the clock. */
import { BoxkiteError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import type { Clock } from "../lib/clock.ts";
import type { Authorise, Resource } from "./access.ts";

export interface CallQuotaOptions {
  readonly callsPerSecond: number | undefined;
  readonly clock: Clock;
}

interface Bucket {
  calls: number;
  filledAt: number;
}

/**
 * Authorises as `authorise` does, and counts each call for the project that it asks for first. Objects are not counted:
 * a task reads and writes as many as it needs. Throws QUOTA_EXCEEDED. A project may have made no call for a while, then
 * those of one second at once.
 */
export function limitCalls(authorise: Authorise, { callsPerSecond, clock }: CallQuotaOptions): Authorise {
  if (callsPerSecond === undefined) return authorise;
  const buckets = new Map<string, Bucket>();
  /** A principal is made for each request. */
  const counted = new WeakSet<Principal>();

  const take = (project: string): void => {
    const now = clock.now();
    const bucket = buckets.get(project) ?? { calls: callsPerSecond, filledAt: now };
    const filled = bucket.calls + ((now - bucket.filledAt) / 1_000) * callsPerSecond;
    const calls = Math.min(callsPerSecond, filled);
    if (calls < 1) {
      throw new BoxkiteError(
        "QUOTA_EXCEEDED",
        `project ${project} makes more than ${callsPerSecond} calls per second, which is its quota`,
        { hint: "call less often, or raise quotas: calls-per-second in the server's settings file" },
      );
    }
    buckets.set(project, { calls: calls - 1, filledAt: now });
  };

  return async (by, right, resource) => {
    await authorise(by, right, resource);
    const project = projectOf(resource);
    if (project === undefined || counted.has(by)) return;
    counted.add(by);
    take(project);
  };
}

function projectOf(resource: Resource): string | undefined {
  switch (resource.kind) {
    case "project":
      return resource.project;
    case "tasks":
    case "runs":
      return resource.scope.project;
    case "place":
    case "task":
    case "run":
    case "action":
    case "child":
      return resource.key.project;
    default:
      return undefined;
  }
}
