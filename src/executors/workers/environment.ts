/** The variables of an attempt in two parts: those that its worker's container has, and those that come with the order. */
import type { AttemptSpec } from "../executor.ts";

export interface SplitEnvironment {
  /** The same for every attempt of the task in the run. */
  readonly shared: Readonly<Record<string, string>>;
  readonly own: Readonly<Record<string, string>>;
}

/** Undefined where it is not known which of the variables are the attempt's own. */
export function splitEnvironment({
  env,
  ownVariables,
}: Pick<AttemptSpec, "env" | "ownVariables">): SplitEnvironment | undefined {
  if (ownVariables === undefined) return undefined;
  const names = new Set(ownVariables);
  const entries = Object.entries(env);
  return {
    shared: Object.fromEntries(entries.filter(([name]) => !names.has(name))),
    own: Object.fromEntries(entries.filter(([name]) => names.has(name))),
  };
}
