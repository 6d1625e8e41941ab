import { ConditionFailedError, type WriteCondition } from "../hosted-store.ts";

/** Throws ConditionFailedError. `etag` is that of the object as it is now, if there is one. */
export function checkCondition(
  key: string,
  etag: string | undefined,
  condition: WriteCondition | undefined,
): void {
  if (condition === undefined || holds(condition, etag)) return;
  throw new ConditionFailedError(key, etag !== undefined);
}

function holds(condition: WriteCondition, etag: string | undefined): boolean {
  switch (condition.kind) {
    case "absent":
      return etag === undefined;
    case "matches":
      return etag !== undefined && includesEtag(condition.etags, etag);
    case "matchesNone":
      return etag === undefined || !includesEtag(condition.etags, etag);
  }
}

function includesEtag(etags: readonly string[], etag: string): boolean {
  return etags.includes("*") || etags.includes(etag);
}
