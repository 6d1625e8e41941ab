/** A run: its settings, which apply to all of its actions, and its record. */
import type { TimeMs } from "./action.ts";
import type { RunKey } from "./ids.ts";
import type { Notification } from "./notification.ts";
import type { Authority, CallerRecord } from "./principal.ts";
import type { RunStatus } from "./run-status.ts";

/** What was asked for a whole run; applies to each of its actions. */
export interface RunSettings {
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** URI prefix for the data that tasks offload, instead of one inside the run. */
  readonly rawDataPrefix?: string;
  /** For every cached task of the run. */
  readonly cache: { readonly overwrite: boolean; readonly sameProject: boolean };
  /** Attempts of this run that compute at the same time; 0 = as many as the server allows. */
  readonly maxConcurrency: number;
  /** Of the actions that name none themselves. */
  readonly queue?: string;
  readonly notifications?: readonly Notification[];
  /** The run a task of which started this one: its tasks may read what this one writes, watch it and end it. */
  readonly spawnedBy?: RunKey;
  /** The run whose succeeded actions are reused, except for those in `rerun`. */
  readonly recover?: { readonly run: string; readonly rerun: readonly string[] };
}

export const NO_SETTINGS: RunSettings = {
  env: {},
  labels: {},
  annotations: {},
  cache: { overwrite: false, sameProject: false },
  maxConcurrency: 0,
};

export interface NewRun {
  readonly key: RunKey;
  /** Serialized flyteidl2.task.RunSpec, as it came. */
  readonly spec: Uint8Array;
  readonly settings: RunSettings;
  /** The prefix under which the run keeps all it writes. */
  readonly baseUri: string;
  readonly source: string;
  readonly createdAt: TimeMs;
  readonly createdBy: CallerRecord;
  readonly authority: Authority;
}

export interface RunRecord extends NewRun {
  readonly id: number;
  readonly status: RunStatus;
  readonly logsRemovedAt?: TimeMs | undefined;
}
