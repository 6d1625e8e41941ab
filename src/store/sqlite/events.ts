/** The events of actions: each stamps its action with a new number, which those who watch it are cursors on. */
import type { ActionRecord } from "../../domain/action-record.ts";
import type { ActionState } from "../../domain/action.ts";
import { ROOT_ACTION } from "../../domain/ids.ts";
import { isTerminal, type Phase } from "../../domain/phase.ts";
import type { CallerRecord } from "../../domain/principal.ts";
import type { Database, Row } from "../../sqlite/database.ts";
import { ACTION_COLUMNS, IS_NAMED, toAction } from "./rows.ts";

/** Attempts count from 1. An event of none is no phase in the history of one. */
export const NO_ATTEMPT = 0;

interface ActionEventRow extends Pick<ActionState, "phase" | "attempt" | "reason"> {
  readonly at: number;
  readonly by?: CallerRecord | undefined;
}

/** Appends the event; the number that it returns is for its action's row. */
export function insertEvent(database: Database, id: number, event: ActionEventRow): number {
  const { lastId } = database.run(
    "INSERT INTO events (action_id, attempt, phase, reason, at, asked_by) VALUES (?, ?, ?, ?, ?, ?)",
    id,
    event.attempt,
    event.phase,
    event.reason ?? null,
    event.at,
    event.by?.who ?? null,
  );
  return lastId;
}

/** Appends the event and stamps the action with its sequence number, which it returns. */
export function recordEvent(database: Database, id: number, event: ActionEventRow): number {
  const seq = insertEvent(database, id, event);
  database.run("UPDATE actions SET seq = ? WHERE id = ?", seq, id);
  return seq;
}

/**
 * Where an action begins or ends to wait for a person, the run shows something else: its root gets a new number, too,
 * so that those who watch the run read it again. Returns the root, if it has not ended. `before`: the action's phase
 * before this change; undefined if it is new.
 */
export function touchRoot(
  database: Database,
  before: Phase | undefined,
  { runId, state }: ActionRecord,
  at: number,
): ActionRecord[] {
  if ((before === "paused") === (state.phase === "paused")) return [];
  const id = database.get(`SELECT id FROM actions WHERE run_id = ? AND ${IS_NAMED}`, runId, ROOT_ACTION)?.[
    "id"
  ];
  const root = readAction(database, id as number);
  if (isTerminal(root.state.phase)) return [];
  recordEvent(database, root.id, { phase: root.state.phase, attempt: NO_ATTEMPT, at });
  return [readAction(database, root.id)];
}

export function readAction(database: Database, id: number): ActionRecord {
  return toAction(
    database.get(
      `SELECT ${ACTION_COLUMNS} FROM actions JOIN runs ON runs.id = actions.run_id WHERE actions.id = ?`,
      id,
    ) as Row,
  );
}
