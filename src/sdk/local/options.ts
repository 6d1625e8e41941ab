import type { Answer, LocalConditions } from "./conditions.ts";
import type { Clock } from "../../lib/clock.ts";

/** Replacements for what a server and other containers do. */
export interface LocalOptions {
  readonly name?: string | undefined;
  readonly customContext?: Readonly<Record<string, string>> | undefined;
  /** Answers to conditions, by name. For others the terminal is asked, if there is one. */
  readonly signals?: Readonly<Record<string, Answer>> | undefined;
  /** Replaces `signals` where the run's handle may answer, too. */
  readonly conditions?: LocalConditions | undefined;
  /** Stand-ins for deployed tasks, by full name. */
  readonly remoteTasks?: Readonly<Record<string, (inputs: Record<string, unknown>) => unknown>> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  readonly onAction?: ((event: LocalActionEvent) => void) | undefined;
}

export interface LocalActionEvent {
  readonly action: string;
  readonly taskName: string;
  readonly phase: "running" | "succeeded" | "failed";
  readonly attempt: number;
}
