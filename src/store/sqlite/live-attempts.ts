/** Attempts that have not ended. */
import type { Store } from "../store.ts";
import type { Database } from "../../sqlite/database.ts";
import { IS_NAMED, LIVE, text } from "./rows.ts";

export function liveAttempts(database: Database): Pick<Store, "isLive" | "liveAttemptsBefore"> {
  return {
    isLive: async (key) =>
      database.get(
        `SELECT 1 FROM actions JOIN runs ON runs.id = actions.run_id
         WHERE project = ? AND domain = ? AND runs.name = ? AND ${IS_NAMED} AND attempt = ? AND ${LIVE}`,
        key.project,
        key.domain,
        key.run,
        key.action,
        key.attempt,
      ) !== undefined,
    liveAttemptsBefore: async (at) =>
      database
        .all(
          `SELECT project, domain, runs.name AS run, actions.name AS action, actions.attempt
           FROM actions JOIN runs ON runs.id = actions.run_id
           JOIN attempts ON attempts.action_id = actions.id AND attempts.attempt = actions.attempt
           WHERE ${LIVE} AND kind = 'task' AND attempts.created_at < ? ORDER BY actions.id`,
          at,
        )
        .map((row) => ({
          project: text(row["project"]),
          domain: text(row["domain"]),
          run: text(row["run"]),
          action: text(row["action"]),
          attempt: row["attempt"] as number,
        })),
  };
}
