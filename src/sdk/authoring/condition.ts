/** Conditions: a task waits for the answer of a person or a program. */
import { activeContext } from "./context.ts";
import type { Duration } from "./duration.ts";

interface ConditionTypes {
  boolean: boolean;
  integer: number;
  number: number;
  string: string;
}

/** The answer to a condition, of any type. */
export type Answer = ConditionTypes[keyof ConditionTypes];

export interface ConditionOptions<T extends keyof ConditionTypes = "boolean"> {
  /** The type of the answer. @default "boolean" */
  readonly type?: T;
  /** The question. @default "Approve?" */
  readonly prompt?: string;
  readonly promptFormat?: "text" | "markdown";
  readonly description?: string;
  /** How long to wait for the answer; then ConditionTimeoutError. @default for ever */
  readonly timeout?: Duration;
  /** Called when the condition begins to wait. */
  readonly webhook?: { readonly url: string; readonly payload?: Readonly<Record<string, unknown>> };
}

export interface ConditionRequest extends ConditionOptions<keyof ConditionTypes> {
  readonly name: string;
}

export interface Condition<T> {
  readonly name: string;
  /** The answer. Throws ConditionTimeoutError, or ActionAbortedError if the condition was aborted. */
  wait(): Promise<T>;
}

/** Asks; the answer comes from the console, `flyte signal`, or SignalEvent. Ask early, wait late. */
export async function condition<T extends keyof ConditionTypes = "boolean">(
  name: string,
  options: ConditionOptions<T> = {},
): Promise<Condition<ConditionTypes[T]>> {
  const active = activeContext("flyte.condition()");
  const wait = await active.controller.condition({ ...options, name }, active);
  return { name, wait: wait as () => Promise<ConditionTypes[T]> };
}
