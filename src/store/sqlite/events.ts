/** The events of actions: each stamps its action with a new number, which those who watch it are cursors on. */
import type { ActionRecord } from "../../domain/action-record.ts";
import type { ActionState } from "../../domain/action.ts";
import { ROOT_ACTION } from "../../domain/ids.ts";
import type { Phase } from "../../domain/phase.ts";
import type { CallerRecord } from "../../domain/principal.ts";
import type { Database, Row } from "../../sqlite/database.ts";
import { IS_NAMED, toActionOf } from "./rows.ts";

/** Attempts count from 1. An event of none is no phase in the history of one. */
export const NO_ATTEMPT = 0;

interface ActionEventRow extends Pick<ActionState, "phase" | "attempt" | "reason"> {
  readonly at: number;
  readonly by?: CallerRecord | undefined;
}

/** The number that the next event gets: what changes an action stamps it with that first, and appends the event then. */
export const NEXT_SEQ = "(SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'events')";

/** Appends the event that has stamped its action with `seq`, or one right before it. */
export function insertEvent(database: Database, id: number, seq: number, event: ActionEventRow): void {
  database.run(
    "INSERT INTO events (seq, action_id, attempt, phase, reason, at, asked_by) VALUES (?, ?, ?, ?, ?, ?, ?)",
    seq,
    id,
    event.attempt,
    event.phase,
    event.reason ?? null,
    event.at,
    event.by?.who ?? null,
  );
}

/** The action stays as it is, but those who watch it are to read it again. */
export function touch(
  database: Database,
  { id, key }: Pick<ActionRecord, "id" | "key">,
  at: number,
): ActionRecord {
  const row = database.get(`UPDATE actions SET seq = ${NEXT_SEQ} WHERE id = ? RETURNING *`, id) as Row;
  const action = toActionOf(key, row);
  insertEvent(database, id, action.seq, { phase: action.state.phase, attempt: NO_ATTEMPT, at });
  return action;
}

/**
 * Where an action begins or ends to wait for a person, the run shows something else: its root gets a new number, too,
 * so that those who watch the run read it again. Returns the root, if it has not ended. `before`: the action's phase
 * before this change; undefined if it is new.
 */
export function touchRoot(
  database: Database,
  before: Phase | undefined,
  { runId, key, state }: ActionRecord,
  at: number,
): ActionRecord[] {
  if ((before === "paused") === (state.phase === "paused")) return [];
  const find = `SELECT id, ended_at FROM actions WHERE run_id = ? AND ${IS_NAMED}`;
  const root = database.get(find, runId, ROOT_ACTION) as Row;
  if (root["ended_at"] !== null) return [];
  return [touch(database, { id: root["id"] as number, key: { ...key, action: ROOT_ACTION } }, at)];
}
