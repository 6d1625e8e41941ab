/** Attempts that have not ended. */
import type { AttemptKey } from "../../domain/attempt.ts";
import { actionKeyText } from "../../domain/ids.ts";
import type { Database } from "../../sqlite/database.ts";
import type { OnChange } from "../reader.ts";
import type { Store } from "../store.ts";
import { IS_NAMED, LIVE, text } from "./rows.ts";

interface LiveAttempts extends Pick<Store, "isLive" | "liveAttemptsBefore"> {
  /** To be called with each change that this process commits, before the promise of its write resolves. */
  readonly changed: OnChange;
}

/** An attempt asks many times for its objects. That it is live is remembered until its action changes. */
export function liveAttempts(database: Database): LiveAttempts {
  /** Numbers of attempts, by the keys of their actions. */
  const live = new Map<string, number>();
  let seenVersion: unknown;

  /** Another process may have ended what is remembered: the number differs after each commit that is not of this connection. */
  const forgetIfWrittenElsewhere = () => {
    const version = database.get("PRAGMA data_version")?.["data_version"];
    if (version !== seenVersion) live.clear();
    seenVersion = version;
  };

  const isStoredLive = (key: AttemptKey) =>
    database.get(
      `SELECT 1 FROM actions JOIN runs ON runs.id = actions.run_id
       WHERE project = ? AND domain = ? AND runs.name = ? AND ${IS_NAMED} AND attempt = ? AND ${LIVE}`,
      key.project,
      key.domain,
      key.run,
      key.action,
      key.attempt,
    ) !== undefined;

  return {
    changed: (actions) => {
      for (const { key } of actions) live.delete(actionKeyText(key));
    },
    isLive: async (key) => {
      forgetIfWrittenElsewhere();
      const action = actionKeyText(key);
      if (live.get(action) === key.attempt) return true;
      if (!isStoredLive(key)) return false;
      live.set(action, key.attempt);
      return true;
    },
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
