import type { LocalConditions } from "./conditions.ts";
import type { Answer } from "../authoring/condition.ts";
import type { Clock } from "../../lib/clock.ts";

/** Replacements for what a server and other containers do. */
export interface LocalOptions {
  readonly name?: string | undefined;
  /** Of the action that tasks find in their context. @default "local" */
  readonly project?: string | undefined;
  /** @default "local" */
  readonly domain?: string | undefined;
  /** @default "local" */
  readonly version?: string | undefined;
  /** The URI prefix for the contents of File and Dir outputs. @default the folder of the run */
  readonly rawDataPath?: string | undefined;
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
  /** `timed_out`: the attempt exceeded a limit, or the action its deadline. */
  readonly phase: "running" | "succeeded" | "failed" | "timed_out";
  readonly attempt: number;
}
