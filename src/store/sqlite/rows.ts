/** Rows of the database to records and back. */
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import type { ActionState } from "../../domain/action.ts";
import type { ProjectKey, RunKey } from "../../domain/ids.ts";
import type { ActionRecord } from "../../domain/action-record.ts";
import { EVERYONE, type Authority } from "../../domain/principal.ts";
import type { ProjectRecord } from "../../domain/project.ts";
import type { RunRecord } from "../../domain/run.ts";
import type { StoredSpec, TaskRecord } from "../../domain/task.ts";
import type { Row } from "../../sqlite/database.ts";

export const text = (value: unknown): string => value as string;
export const optionalText = (value: unknown): string | undefined =>
  value === null ? undefined : (value as string);
export const optionalNumber = (value: unknown): number | undefined =>
  value === null ? undefined : (value as number);
/** Throws DATA_DIRECTORY_UNUSABLE: SQLite does not notice damage inside a value. */
export const json = <T>(value: unknown): T => {
  try {
    return JSON.parse(value as string) as T;
  } catch (error) {
    throw new BoxkiteError("DATA_DIRECTORY_UNUSABLE", `a row of the store is damaged: ${messageOf(error)}`, {
      cause: error,
      hint: "restore the store from a backup, or name another directory with --data",
    });
  }
};
const optionalJson = <T>(value: unknown): T | undefined => (value === null ? undefined : json<T>(value));

/** The columns of a run, under names that do not clash with an action's. */
export const RUN_COLUMNS = `
  runs.id AS r_id, runs.project, runs.domain, runs.name AS r_name, runs.spec, runs.settings, runs.base_uri,
  runs.source, runs.created_at AS r_created_at, runs.logs_removed_at, runs.created_by, runs.created_client,
  runs.created_from, runs.authority, runs.status AS r_status`;

export function toRun(row: Row): RunRecord {
  return {
    id: row["r_id"] as number,
    key: { project: text(row["project"]), domain: text(row["domain"]), run: text(row["r_name"]) },
    spec: row["spec"] as Uint8Array,
    settings: json(row["settings"]),
    baseUri: text(row["base_uri"]),
    source: text(row["source"]),
    createdAt: row["r_created_at"] as number,
    createdBy: {
      who: text(row["created_by"]),
      client: text(row["created_client"]),
      from: text(row["created_from"]),
    },
    authority: toAuthority(row["authority"]),
    status: text(row["r_status"]) as RunRecord["status"],
    logsRemovedAt: optionalNumber(row["logs_removed_at"]),
  };
}

function toAuthority(tokenId: unknown): Authority {
  const id = optionalText(tokenId);
  return id === undefined ? EVERYONE : { kind: "token", id };
}

/** When the action last changed: the time of the event that stamped it. */
export const UPDATED_AT = "(SELECT events.at FROM events WHERE events.seq = actions.seq)";

/**
 * Finds an action in a run. The sign keeps SQLite from comparing each new value with `'a0'`, the condition of an index: it
 * would compile the statement again at each call (15 µs instead of 2).
 */
export const IS_NAMED = "actions.name = +?";

/** With an attempt at an executor; exactly as in the partial index, or SQLite does not use that. */
export const LIVE = "((phase IN ('initializing', 'running') OR suspended = 'waiting') AND wake_at IS NULL)";

export const ACTION_COLUMNS = "actions.*, runs.project, runs.domain, runs.name AS r_name";

export function toAction(row: Row): ActionRecord {
  const run = { project: text(row["project"]), domain: text(row["domain"]), run: text(row["r_name"]) };
  return toActionOf(run, row);
}

/** `row`: without the columns of its run. */
export function toActionOf({ project, domain, run }: RunKey, row: Row): ActionRecord {
  return {
    id: row["id"] as number,
    runId: row["run_id"] as number,
    key: { project, domain, run, action: text(row["name"]) },
    parent: optionalText(row["parent"]),
    kind: text(row["kind"]) as ActionRecord["kind"],
    group: text(row["group_name"]),
    queue: text(row["queue"]),
    specDigest: optionalText(row["spec_digest"]),
    detail: (row["detail"] ?? undefined) as Uint8Array | undefined,
    displayName: text(row["display_name"]),
    taskName: text(row["task_name"]),
    taskVersion: text(row["task_version"]),
    taskType: text(row["task_type"]),
    environment: text(row["environment"]),
    inputUri: text(row["input_uri"]),
    policy: json(row["policy"]),
    cache: optionalJson(row["cache"]),
    cpuCap: optionalJson(row["cpu_cap"]),
    state: toState(row),
    version: row["version"] as number,
    seq: row["seq"] as number,
  };
}

function toState(row: Row): ActionState {
  return {
    phase: text(row["phase"]) as ActionState["phase"],
    suspended: optionalText(row["suspended"]) as ActionState["suspended"],
    attempt: row["attempt"] as number,
    userFailures: row["user_failures"] as number,
    systemFailures: row["system_failures"] as number,
    createdAt: row["created_at"] as number,
    queuedAt: row["queued_at"] as number,
    notBefore: row["not_before"] as number,
    wakeAt: optionalNumber(row["wake_at"]),
    startedAt: optionalNumber(row["started_at"]),
    runningAt: optionalNumber(row["running_at"]),
    endedAt: optionalNumber(row["ended_at"]),
    reason: optionalText(row["reason"]),
    error: optionalJson(row["error"]),
    outputUri: optionalText(row["output_uri"]),
    value: (row["value"] ?? undefined) as Uint8Array | undefined,
    abortReason: optionalText(row["abort_reason"]),
    cacheStatus: text(row["cache_status"]) as ActionState["cacheStatus"],
    source: optionalJson(row["source"]),
  };
}

export function toProject(row: Row): ProjectRecord {
  return {
    id: text(row["id"]),
    name: text(row["name"]),
    description: text(row["description"]),
    labels: json(row["labels"]),
    state: text(row["state"]) as ProjectRecord["state"],
    createdAt: row["created_at"] as number,
  };
}

export function toTask(row: Row): TaskRecord {
  return {
    key: {
      project: text(row["project"]),
      domain: text(row["domain"]),
      name: text(row["name"]),
      version: text(row["version"]),
    },
    definition: json(row["definition"]),
    specDigest: text(row["spec_digest"]),
    deployedAt: row["deployed_at"] as number,
    deployedBy: {
      who: text(row["deployed_by"]),
      client: text(row["deployed_client"]),
      from: text(row["deployed_from"]),
    },
  };
}

export function toSpec(row: Row): StoredSpec {
  return {
    digest: text(row["digest"]),
    bytes: row["bytes"] as Uint8Array,
    definition: json(row["definition"]),
  };
}

/** `project` and `domain` as SQL conditions, if they are set. */
export function scopeConditions(
  scope: Partial<ProjectKey>,
  table: string,
): { sql: string[]; values: string[] } {
  const sql: string[] = [];
  const values: string[] = [];
  for (const column of ["project", "domain"] as const) {
    if (!scope[column]) continue;
    sql.push(`${table}.${column} = ?`);
    values.push(scope[column]);
  }
  return { sql, values };
}
