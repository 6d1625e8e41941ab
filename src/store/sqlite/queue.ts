/** What the orchestrator has to do next: the queue, live attempts, timers, and the outbox of effects. */
import type { Effect } from "../../domain/transition.ts";
import type { Store } from "../store.ts";
import type { Database } from "./database.ts";
import { ACTION_COLUMNS, json, text, toAction } from "./rows.ts";

type QueueStore = Pick<
  Store,
  "waitingQueues" | "queueHeads" | "liveAttempts" | "dueTimers" | "nextWake" | "pendingEffects" | "effectDone"
>;

const FROM = "actions JOIN runs ON runs.id = actions.run_id";
/** Both as the partial indexes have them, or SQLite does not use those. */
const QUEUED = "(phase IN ('queued', 'waiting_for_resources') AND suspended IS NOT 'waiting')";
const LIVE = "(phase IN ('initializing', 'running') OR suspended = 'waiting')";
/** Two attempts of one action never run at once: not even while the engine cannot be asked to end the first. */
const HELD = `EXISTS (SELECT 1 FROM effects WHERE effects.action_id = actions.id
  AND effect ->> 'type' IN ('stopAttempt', 'releaseAttempt'))`;

export function queueStore(database: Database): QueueStore {
  return {
    // Both step through the index from one name or run to the next instead of grouping every queued row.
    waitingQueues: async () =>
      database
        .all(
          `WITH RECURSIVE waiting (queue) AS (
             SELECT min(queue) FROM actions WHERE ${QUEUED}
             UNION ALL
             SELECT (SELECT min(queue) FROM actions WHERE ${QUEUED} AND queue > waiting.queue)
             FROM waiting WHERE waiting.queue IS NOT NULL
           )
           SELECT queue FROM waiting WHERE queue IS NOT NULL`,
        )
        .map((row) => text(row["queue"])),
    queueHeads: async (queue, now, limit) =>
      database
        .all(
          `WITH RECURSIVE queued_runs (run_id) AS (
             SELECT min(run_id) FROM actions WHERE ${QUEUED} AND queue = ?1
             UNION ALL
             SELECT (SELECT min(run_id) FROM actions WHERE ${QUEUED} AND queue = ?1 AND run_id > queued_runs.run_id)
             FROM queued_runs WHERE queued_runs.run_id IS NOT NULL
           )
           SELECT ${ACTION_COLUMNS} FROM queued_runs
           JOIN actions ON actions.id = (
             SELECT id FROM actions
             WHERE ${QUEUED} AND queue = ?1 AND run_id = queued_runs.run_id AND not_before <= ?2 AND NOT ${HELD}
             ORDER BY not_before, id LIMIT 1)
           JOIN runs ON runs.id = actions.run_id
           ORDER BY actions.not_before, actions.id LIMIT ?3`,
          queue,
          now,
          limit,
        )
        .map(toAction),
    liveAttempts: async () =>
      database
        .all(`SELECT ${ACTION_COLUMNS} FROM ${FROM} WHERE ${LIVE} AND kind = 'task' ORDER BY actions.id`)
        .map(toAction),
    dueTimers: async (now, limit) =>
      database
        .all(
          `SELECT ${ACTION_COLUMNS} FROM ${FROM} WHERE timer_at <= ? ORDER BY timer_at LIMIT ?`,
          now,
          limit,
        )
        .map(toAction),
    nextWake: async (now) => {
      const row = database.get(
        `SELECT min(at) AS at FROM (
           SELECT min(timer_at) AS at FROM actions WHERE timer_at IS NOT NULL
           UNION ALL
           SELECT min(not_before) FROM actions WHERE ${QUEUED} AND not_before > ?)`,
        now,
      );
      return (row?.["at"] ?? undefined) as number | undefined;
    },
    pendingEffects: async (limit, except = [], types) =>
      database
        .all(
          `SELECT effects.id AS effect_id, effects.effect, effects.created_at AS effect_created_at, ${ACTION_COLUMNS}
           FROM effects JOIN actions ON actions.id = effects.action_id JOIN runs ON runs.id = actions.run_id
           WHERE effects.id NOT IN (SELECT value FROM json_each(?1))
             AND (?2 IS NULL OR effects.effect ->> 'type' IN (SELECT value FROM json_each(?2)))
           ORDER BY effects.id LIMIT ?3`,
          JSON.stringify(except),
          types === undefined ? null : JSON.stringify(types),
          limit,
        )
        .map((row) => ({
          id: row["effect_id"] as number,
          effect: json<Effect>(row["effect"]),
          createdAt: row["effect_created_at"] as number,
          action: toAction(row),
        })),
    effectDone: (id, at, following = []) =>
      database.write(() => {
        const insert =
          "INSERT INTO effects (action_id, effect, created_at) SELECT action_id, ?, ? FROM effects WHERE id = ?";
        for (const effect of following) database.run(insert, JSON.stringify(effect), at, id);
        database.run("DELETE FROM effects WHERE id = ?", id);
      }),
  };
}
