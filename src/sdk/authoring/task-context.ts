export interface ActionIdentity {
  readonly project: string;
  readonly domain: string;
  readonly org: string;
  readonly run: string;
  /** The action's name; `a0` for the first one of a run. */
  readonly name: string;
}

/** The second argument of a task's function, and the result of `flyte.context()`. */
export interface TaskContext {
  readonly mode: "remote" | "local";
  readonly action: ActionIdentity;
  /** From 1. */
  readonly attempt: number;
  readonly taskName: string;
  readonly version: string;
  /** When the run was created; the same in every attempt and every child. */
  readonly runStartTime: Date;
  /** The run's key-value pairs, as given with `customContext`. */
  readonly custom: Readonly<Record<string, string>>;
  /** Aborts when the action is to end early: pass it to fetch and to child processes. */
  readonly signal: AbortSignal;
}
