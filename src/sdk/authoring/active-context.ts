/** The context of a running task, and the interface through which it calls others. */
import type { TaskDefinition, TaskReference } from "./task.ts";
import type { TaskContext } from "./task-context.ts";
import type { TraceDefinition } from "./trace.ts";
import type { ConditionRequest } from "./condition.ts";
import type { InitializedConfig } from "./config.ts";
import type { NamingScope } from "./call-counter.ts";
import type { Environment } from "../../client/config-file.ts";
import type { BlobStore } from "../../client/storage/blob-store-type.ts";

export type { BlobStore };

/** Of the running task, for the SDK itself. `customContext` is what tasks see as `custom`. */
export interface ActiveContext extends Omit<TaskContext, "custom"> {
  /** Key-value pairs of the run, passed on to every child. */
  readonly customContext: Readonly<Record<string, string>>;
  readonly scope: NamingScope;
  readonly group: string | undefined;
  readonly inTrace: boolean;
  readonly controller: Controller;
  readonly report: ReportDocument;
  /** Variables of the attempt, where its process runs others, too. @default those of the process */
  readonly env?: Environment;
}

/** The pieces of an action's report, by tab. */
export interface ReportDocument {
  readonly tabs: Map<string, string[]>;
}

/** Performs calls: submits them to the server, or runs them in this process. */
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
  /** The configuration of runs that the task starts; undefined in a local run: that of the process. */
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
