/** What surrounds a running task, and what it asks to call others. */
import type { TaskDefinition, TaskReference } from "./task.ts";
import type { TraceDefinition } from "./trace.ts";
import type { ConditionRequest } from "./condition.ts";
import type { InitializedConfig } from "./config.ts";
import type { NamingScope } from "./call-counter.ts";
import type { BlobStore } from "../../client/storage/blob-store-type.ts";

export type { BlobStore };

export interface ActionIdentity {
  readonly project: string;
  readonly domain: string;
  readonly org: string;
  readonly run: string;
  /** The action's name; `a0` for the first one of a run. */
  readonly name: string;
}

export interface ActiveContext {
  readonly mode: "remote" | "local";
  readonly action: ActionIdentity;
  /** From 1. */
  readonly attempt: number;
  readonly taskName: string;
  readonly version: string;
  readonly runStartTime: Date;
  /** Key-value pairs of the run, handed on to every child. */
  readonly customContext: Readonly<Record<string, string>>;
  readonly scope: NamingScope;
  readonly group: string | undefined;
  readonly inTrace: boolean;
  /** Aborted when the action is to end early. */
  readonly signal: AbortSignal;
  readonly controller: Controller;
  readonly report: ReportDocument;
}

/** The pieces of an action's report, by tab. */
export interface ReportDocument {
  readonly tabs: Map<string, string[]>;
}

/** What a context does with calls: submits them to the server, or runs them here. */
export interface Controller {
  call(
    definition: TaskDefinition,
    inputs: Readonly<Record<string, unknown>>,
    context: ActiveContext,
  ): Promise<unknown>;
  callReference(
    reference: TaskReference,
    inputs: Readonly<Record<string, unknown>>,
    context: ActiveContext,
  ): Promise<unknown>;
  trace(
    definition: TraceDefinition,
    inputs: Readonly<Record<string, unknown>>,
    context: ActiveContext,
  ): Promise<unknown>;
  /** Registers the condition; the result waits for it. */
  condition(request: ConditionRequest, context: ActiveContext): Promise<() => Promise<unknown>>;
  /** Where runs go that the task starts; undefined for a local one: as its process is configured. */
  runConfig(): Promise<InitializedConfig | undefined>;
  saveReport(html: string, context: ActiveContext): Promise<void>;
  readonly checkpoints: CheckpointStore;
  readonly blobs: BlobStore;
}

export interface CheckpointStore {
  /** What the previous attempt saved last. */
  load(): Promise<Uint8Array | undefined>;
  save(bytes: Uint8Array): Promise<void>;
}
