import { codeVersionOf } from "./code-version.ts";
import type { Duration } from "./duration.ts";
import type { TaskDefinition } from "./task.ts";

export interface CompiledCache {
  readonly enabled: boolean;
  /** Filled in when the cache is off, too: it is part of the names of actions. */
  readonly version: string;
  readonly serialize: boolean;
  /** None when the cache is off: without one every input counts. */
  readonly ignoredInputs: readonly string[];
  readonly maxAge: Duration | undefined;
}

/** What an author's `cache` setting means for a task. */
export function cacheOf(definition: Pick<TaskDefinition, "options" | "fn" | "kind">): CompiledCache {
  const { cache } = definition.options;
  const policy = typeof cache === "object" ? cache : {};
  const enabled = cache !== undefined && cache !== "disable";
  // The server lets the time pass: what this package has for `forward` is no code of the task.
  const code = definition.kind === "sleep" ? "sleep" : codeVersionOf(definition.fn);
  return {
    enabled,
    version: policy.version ?? `${code}${policy.salt === undefined ? "" : `-${policy.salt}`}`,
    serialize: policy.serialize ?? false,
    ignoredInputs: enabled ? (policy.ignoredInputs ?? []) : [],
    maxAge: policy.maxAge,
  };
}
