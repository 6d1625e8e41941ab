/** Actions and their attempts. No other module writes a phase. */
import type { ActionRecord, NewAction } from "../../domain/action-record.ts";
import type { AttemptFacts, AttemptRecord } from "../../domain/attempt.ts";
import type { RunRecord } from "../../domain/run.ts";
import type { ActionState } from "../../domain/action.ts";
import { ROOT_ACTION } from "../../domain/ids.ts";
import type { CallerRecord } from "../../domain/principal.ts";
import { isSleep } from "../../domain/sleep.ts";
import { NEVER, nextTimer, type Effect } from "../../domain/transition.ts";
import type { ActionRefusal, Advance, Store } from "../store.ts";
import type { OnChange } from "../reader.ts";
import type { Database, Row } from "../../sqlite/database.ts";
import { insertEvent, NEXT_SEQ, touch, touchRoot } from "./events.ts";
import { readList, type ListShape } from "./lists.ts";
import {
  ACTION_COLUMNS,
  IS_NAMED,
  json,
  optionalNumber,
  optionalText,
  text,
  toAction,
  toActionOf,
  UPDATED_AT,
} from "./rows.ts";
import { insertSpec } from "./tasks.ts";

type ActionStore = Pick<
  Store,
  | "createAction"
  | "getAction"
  | "listActions"
  | "listAttempts"
  | "changedChildren"
  | "changedActions"
  | "liveChildren"
  | "awaitsChildren"
  | "findCached"
  | "isComputedElsewhere"
  | "parkedFor"
  | "succeededActions"
  | "taskTotals"
>;

const FROM = "actions JOIN runs ON runs.id = actions.run_id";
const FIELDS = {
  name: "actions.name",
  phase: "actions.phase",
  parent_name: "coalesce(actions.parent, '')",
  task_name: "actions.task_name",
  group: "actions.group_name",
  action_type: "actions.kind",
  created_at: "actions.created_at",
  start_time: "coalesce(actions.started_at, actions.created_at)",
  end_time: "coalesce(actions.ended_at, 0)",
  updated_at: UPDATED_AT,
};

export function actionStore(database: Database, notify: OnChange): ActionStore {
  const many = (sql: string, ...values: (string | number)[]) =>
    database.all(`SELECT ${ACTION_COLUMNS} FROM ${FROM} ${sql}`, ...values).map(toAction);
  return {
    createAction: async (run, action, by, maxActions) => {
      const accepted = await database.write(() => acceptAction(database, run, action, by, maxActions));
      if (typeof accepted === "string") return accepted;
      notify(accepted);
      return accepted[0];
    },
    getAction: async (key) => {
      const row = database.get(
        `SELECT ${ACTION_COLUMNS} FROM ${FROM} WHERE project = ? AND domain = ? AND runs.name = ? AND ${IS_NAMED}`,
        key.project,
        key.domain,
        key.run,
        key.action,
      );
      return row && toAction(row);
    },
    listActions: async (run, query) => {
      const shape: ListShape = {
        columns: ACTION_COLUMNS,
        from: FROM,
        where: ["project = ?", "domain = ?", "runs.name = ?"],
        values: [run.project, run.domain, run.run],
        fields: FIELDS,
        id: "actions.id",
        defaultSort: { field: "created_at", ascending: true },
      };
      return readList(database, shape, query, toAction);
    },
    listAttempts: async (action) => listAttempts(database, action),
    changedChildren: async (run, parent, afterSeq, limit) =>
      many(
        "WHERE run_id = ? AND seq > ? AND parent = ? ORDER BY seq LIMIT +?",
        run.id,
        afterSeq,
        parent,
        limit,
      ),
    changedActions: async (run, afterSeq, limit) =>
      many("WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT +?", run.id, afterSeq, limit),
    liveChildren: async (action, limit) =>
      many(
        "WHERE run_id = ? AND parent = ? AND ended_at IS NULL LIMIT +?",
        action.runId,
        action.key.action,
        limit,
      ),
    findCached: async (key, scope) => {
      const where = scope === undefined ? "" : "AND project = ? AND domain = ?";
      const row = database.get(
        `SELECT * FROM cache_entries WHERE key = ? ${where} ORDER BY created_at DESC LIMIT 1`,
        key,
        ...(scope === undefined ? [] : [scope.project, scope.domain]),
      );
      if (row === undefined) return undefined;
      return {
        outputUri: text(row["output_uri"]),
        source: json(row["source"]),
        createdAt: row["created_at"] as number,
      };
    },
    isComputedElsewhere: async (action) => isComputedElsewhere(database, action),
    parkedFor: async (cacheKey) =>
      many(
        "WHERE cache ->> 'key' = ? AND cache IS NOT NULL AND ended_at IS NULL AND not_before = ? AND suspended IS NULL",
        cacheKey,
        NEVER,
      ),
    taskTotals: async (runId, limit) =>
      database
        .all(
          // The bare column is of the row with the minimum: sqlite.org/lang_select.html#bareagg.
          `SELECT task_name, name, min(id) AS first, count(*) AS actions,
             sum(phase IN ('failed', 'timed_out')) AS failed,
             total(started_at - created_at) AS queued, total(ended_at - started_at) AS running
           FROM actions WHERE run_id = ? AND kind = 'task' GROUP BY task_name ORDER BY first LIMIT +?`,
          runId,
          limit,
        )
        .map((row) => ({
          task: text(row["task_name"]),
          actions: row["actions"] as number,
          failed: row["failed"] as number,
          queuedMs: row["queued"] as number,
          runningMs: row["running"] as number,
          first: text(row["name"]),
        })),
    succeededActions: async (run) =>
      many(
        "WHERE run_id = ? AND phase IN ('succeeded', 'recovered') AND parent IS NOT NULL ORDER BY actions.id",
        run.id,
      ),
    awaitsChildren: async (action) => hasUnfinishedChildren(database, action),
  };
}

/** Accepts an action of a run that is there, as `Store.createAction` says; part of the caller's transaction. */
export function acceptAction(
  database: Database,
  run: RunRecord,
  action: NewAction,
  by: CallerRecord,
  maxActions = Number.POSITIVE_INFINITY,
): readonly [ActionRecord, ...ActionRecord[]] | ActionRefusal {
  const found = database.get(
    `SELECT runs.actions, parent.id AS parent, parent.ended_at, parent.task_type,
       EXISTS (SELECT 1 FROM actions WHERE run_id = runs.id AND actions.name = +?2) AS is_there
     FROM runs LEFT JOIN actions AS parent ON parent.run_id = runs.id AND parent.name = +?3 WHERE runs.id = ?1`,
    run.id,
    action.name,
    action.parent ?? "",
  );
  if (found?.["is_there"] === 1) return "exists";
  if (found === undefined || found["parent"] === null) return "parent_missing";
  // The end of the parent has ended its children already: nothing would end this one.
  if (found["ended_at"] !== null) return "parent_ended";
  // The end of a sleep ends no children.
  if (isSleep({ taskType: text(found["task_type"]) })) return "parent_sleeps";
  if ((found["actions"] as number) >= maxActions) return "run_full";
  const inserted = insertAction(database, run, action, by);
  return [inserted, ...touchRoot(database, undefined, inserted, action.state.createdAt)];
}

/** Writes a new action with its first event and its grants; part of the caller's transaction. */
export function insertAction(
  database: Database,
  run: RunRecord,
  action: NewAction,
  by: CallerRecord,
): ActionRecord {
  const definition = action.spec?.definition;
  if (action.spec) insertSpec(database, action.spec);
  const row = database.get(
    `INSERT INTO actions (run_id, name, parent, kind, group_name, queue, spec_digest, detail, display_name, task_name,
       task_version, task_type, environment, input_uri, policy, created_at, phase, suspended, attempt, user_failures,
       system_failures, queued_at, not_before, wake_at, started_at, running_at, ended_at, reason, error, output_uri, value, abort_reason,
       cache_status, source, timer_at, cache, cpu_cap, version, seq)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ${NEXT_SEQ})
     RETURNING *`,
    run.id,
    action.name,
    action.name === ROOT_ACTION ? null : (action.parent ?? ROOT_ACTION),
    action.kind,
    action.group,
    action.queue ?? "",
    action.spec?.digest ?? null,
    action.detail ?? null,
    action.displayName,
    definition?.name ?? "",
    definition?.version ?? "",
    definition?.type ?? "",
    definition?.environment ?? "",
    action.inputUri,
    JSON.stringify(action.policy),
    action.state.createdAt,
    ...stateValues(action.state),
    nextTimer(action.state, action.policy)?.at ?? null,
    action.cache === undefined ? null : JSON.stringify(action.cache),
    action.cpuCap === undefined ? null : JSON.stringify(action.cpuCap),
  );
  const inserted = toActionOf(run.key, row as Row);
  const { id, seq, state } = inserted;
  const at = state.createdAt;
  insertEvent(database, id, seq, { ...state, at, by });
  database.run("UPDATE runs SET actions = actions + 1 WHERE id = ?", run.id);
  for (const effect of action.effects ?? [])
    if (effect.type !== "ended" || action.name === ROOT_ACTION) insertEffect(database, id, effect, at);
  for (const uri of action.grants) insertGrant(database, run.id, uri);
  if (action.attempt) writeAttempt(database, id, action.attempt, at);
  return inserted;
}

/** Returns the action and whatever else changed with it; undefined where it had changed already. */
export function advance(
  database: Database,
  change: Advance,
): readonly [ActionRecord, ...ActionRecord[]] | undefined {
  const { action, state } = change;
  if (
    change.ifComputedElsewhere !== undefined &&
    change.ifComputedElsewhere !== isComputedElsewhere(database, action)
  ) {
    return undefined;
  }
  const { through } = change;
  // One statement: each update of a row costs as much as its indexes.
  const stored = database.get(
    `UPDATE actions SET phase = ?, suspended = ?, attempt = ?, user_failures = ?, system_failures = ?, queued_at = ?,
       not_before = ?, wake_at = ?, started_at = ?, running_at = ?, ended_at = ?, reason = ?, error = ?, output_uri = ?, value = ?,
       abort_reason = ?, cache_status = ?, source = ?, timer_at = ?, seq = ${NEXT_SEQ} + ?, version = version + 1
     WHERE id = ? AND version = ? RETURNING seq`,
    ...stateValues(state),
    nextTimer(state, action.policy)?.at ?? null,
    through === undefined ? 0 : 1,
    action.id,
    action.version,
  );
  if (stored === undefined) return undefined;
  const seq = stored["seq"] as number;
  if (through) insertEvent(database, action.id, seq - 1, { ...through.state, at: through.at });
  insertEvent(database, action.id, seq, { ...state, at: change.at, by: change.by });
  for (const effect of needed(database, action, change.effects))
    insertEffect(database, action.id, effect, change.at);
  if (state.endedAt !== undefined && state.cacheStatus === "populated")
    keepResult(database, action, state, change.at);
  for (const uri of change.grants ?? []) insertGrant(database, action.runId, uri);
  if (change.attempt) writeAttempt(database, action.id, change.attempt, change.at);
  const advanced = { ...action, state, version: action.version + 1, seq };
  return [advanced, ...touchRoot(database, action.state.phase, advanced, change.at)];
}

/** The action stays as it is, but those who watch it are to read its attempts again. */
export function recordAttempt(
  database: Database,
  action: ActionRecord,
  facts: AttemptFacts,
  at: number,
): ActionRecord {
  writeAttempt(database, action.id, facts, at);
  return touch(database, action, at);
}

/**
 * Most actions that end have neither children nor anybody that waits for their end: what is not written is not read and removed
 * again. Receivers of the end of a run have to hear of it, and actions that wait for the same result. A parent that gives its
 * capacity back later finds out by itself (effect `resume`).
 */
function needed(database: Database, action: ActionRecord, effects: readonly Effect[]): readonly Effect[] {
  if (!effects.some(({ type }) => type === "ended" || type === "abortChildren")) return effects;
  const { runId, parent, key, cache } = action;
  // It has ended: no child can be added any more.
  const others = database.get(
    `SELECT EXISTS (SELECT 1 FROM actions WHERE run_id = ?1 AND parent = ?2 AND ended_at IS NULL) AS has_children,
       EXISTS (SELECT 1 FROM actions WHERE run_id = ?1 AND actions.name = +?3 AND suspended = 'parked') AS parent_waits`,
    runId,
    key.action,
    parent ?? "",
  );
  const isHeard = parent === undefined || cache !== undefined || others?.["parent_waits"] === 1;
  return effects.filter(({ type }) => {
    if (type === "abortChildren") return others?.["has_children"] === 1;
    return type !== "ended" || isHeard;
  });
}

function hasUnfinishedChildren(database: Database, { runId, key }: ActionRecord): boolean {
  const sql = "SELECT 1 FROM actions WHERE run_id = ? AND parent = ? AND ended_at IS NULL LIMIT 1";
  return database.get(sql, runId, key.action) !== undefined;
}

function insertEffect(database: Database, id: number, effect: Effect, at: number): void {
  const sql = "INSERT INTO effects (action_id, effect, created_at) VALUES (?, ?, ?)";
  database.run(sql, id, JSON.stringify(effect), at);
}

function keepResult(database: Database, action: ActionRecord, state: ActionState, at: number): void {
  if (action.cache === undefined || state.phase !== "succeeded") return;
  database.run(
    `INSERT INTO cache_entries (key, project, domain, output_uri, source, created_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET output_uri = excluded.output_uri, source = excluded.source,
       created_at = excluded.created_at`,
    action.cache.key,
    action.key.project,
    action.key.domain,
    state.outputUri ?? "",
    JSON.stringify({ ...action.key, attempt: state.attempt }),
    at,
  );
}

/** Does another action compute a result that this one may use? It was admitted, or waits for its next attempt. */
function isComputedElsewhere(database: Database, { id, key, cache }: ActionRecord): boolean {
  const scope = cache?.sameProject ? [key.project, key.domain] : [];
  const row = database.get(
    `SELECT 1 FROM ${FROM} WHERE cache ->> 'key' = ? AND cache IS NOT NULL AND ended_at IS NULL AND actions.id <> ?
       AND attempt > 0 ${cache?.sameProject ? "AND project = ? AND domain = ?" : ""} LIMIT 1`,
    cache?.key ?? "",
    id,
    ...scope,
  );
  return row !== undefined;
}

function stateValues(state: ActionState) {
  return [
    state.phase,
    state.suspended ?? null,
    state.attempt,
    state.userFailures,
    state.systemFailures,
    state.queuedAt,
    state.notBefore,
    state.wakeAt ?? null,
    state.startedAt ?? null,
    state.runningAt ?? null,
    state.endedAt ?? null,
    state.reason ?? null,
    state.error === undefined ? null : JSON.stringify(state.error),
    state.outputUri ?? null,
    state.value ?? null,
    state.abortReason ?? null,
    state.cacheStatus,
    state.source === undefined ? null : JSON.stringify(state.source),
  ] as const;
}

function writeAttempt(database: Database, id: number, facts: AttemptFacts, at: number): void {
  database.run(
    `INSERT INTO attempts (action_id, attempt, created_at, started_at, ended_at, exit_code, outcome, error, output_uri, image,
       start)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (action_id, attempt) DO UPDATE SET
       started_at = coalesce(excluded.started_at, started_at), ended_at = coalesce(excluded.ended_at, ended_at),
       exit_code = coalesce(excluded.exit_code, exit_code), outcome = coalesce(excluded.outcome, outcome),
       error = coalesce(excluded.error, error), output_uri = coalesce(excluded.output_uri, output_uri),
       image = coalesce(excluded.image, image), start = coalesce(excluded.start, start)`,
    id,
    facts.attempt,
    at,
    facts.startedAt ?? null,
    facts.endedAt ?? null,
    facts.exitCode ?? null,
    facts.outcome ?? null,
    facts.error === undefined ? null : JSON.stringify(facts.error),
    facts.outputUri ?? null,
    facts.image === undefined ? null : JSON.stringify(facts.image),
    facts.start === undefined ? null : JSON.stringify(facts.start),
  );
}

function insertGrant(database: Database, runId: number, uri: string): void {
  database.run("INSERT INTO grants (run_id, uri) VALUES (?, ?) ON CONFLICT DO NOTHING", runId, uri);
}

function listAttempts(database: Database, action: ActionRecord): AttemptRecord[] {
  const events = database.all(
    "SELECT attempt, phase, reason, at, asked_by FROM events WHERE action_id = ? ORDER BY seq",
    action.id,
  );
  return database
    .all("SELECT * FROM attempts WHERE action_id = ? ORDER BY attempt", action.id)
    .map((row) => ({
      attempt: row["attempt"] as number,
      createdAt: row["created_at"] as number,
      startedAt: optionalNumber(row["started_at"]),
      endedAt: optionalNumber(row["ended_at"]),
      exitCode: optionalNumber(row["exit_code"]),
      outcome: optionalText(row["outcome"]) as AttemptRecord["outcome"],
      error: row["error"] === null ? undefined : json(row["error"]),
      outputUri: optionalText(row["output_uri"]),
      image: row["image"] === null ? undefined : json(row["image"]),
      start: row["start"] === null ? undefined : json(row["start"]),
      transitions: events
        .filter((event) => event["attempt"] === row["attempt"])
        .map((event) => ({
          phase: text(event["phase"]) as ActionState["phase"],
          at: event["at"] as number,
          reason: optionalText(event["reason"]),
          by: optionalText(event["asked_by"]),
        })),
    }));
}
