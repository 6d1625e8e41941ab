/** What a run failed by, waits for, or asks: the actions that its page shows first. */
import type { StoreReader } from "../reader.ts";
import type { Database } from "../../sqlite/database.ts";
import { ACTION_COLUMNS, toAction } from "./rows.ts";

type FirstShown = Pick<
  StoreReader,
  "children" | "failedChildren" | "pausedActions" | "waitingActions" | "runsAhead"
>;

const SELECT = `SELECT ${ACTION_COLUMNS} FROM actions JOIN runs ON runs.id = actions.run_id`;

export function firstShown(database: Database): FirstShown {
  const many = (sql: string, ...values: (string | number)[]) =>
    database.all(`${SELECT} ${sql}`, ...values).map(toAction);
  return {
    children: async (runId, parent, after, limit) =>
      many(
        "WHERE run_id = ? AND parent = ? AND actions.id > ? ORDER BY actions.id LIMIT +?",
        runId,
        parent,
        after,
        limit,
      ),
    failedChildren: async (action, limit) =>
      many(
        `WHERE run_id = ? AND parent = ? AND phase IN ('failed', 'timed_out') ORDER BY ended_at, actions.id LIMIT +?`,
        action.runId,
        action.key.action,
        limit,
      ),
    pausedActions: async (runId, limit) =>
      many("WHERE run_id = ? AND phase = 'paused' ORDER BY actions.id LIMIT +?", runId, limit),
    waitingActions: async (runId) =>
      database
        .all(
          `SELECT ${ACTION_COLUMNS} FROM waiting_runs JOIN actions ON actions.id = waiting_runs.action_id
           JOIN runs ON runs.id = actions.run_id WHERE waiting_runs.run_id = ? ORDER BY waiting_runs.queue`,
          runId,
        )
        .map(toAction),
    runsAhead: async ({ id, runId, queue, state }, limit) => {
      const row = database.get(
        `SELECT count(*) AS count FROM (SELECT 1 FROM waiting_runs
           WHERE queue = ?1 AND (not_before, action_id) < (?2, ?3) AND run_id <> ?4 LIMIT +?5)`,
        queue,
        state.notBefore,
        id,
        runId,
        limit,
      );
      return (row?.["count"] ?? 0) as number;
    },
  };
}
