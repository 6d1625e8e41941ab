/** The work of the owner of the lease: queues, live attempts, timers and the outbox, and its writes. */
import type { TaskDefinition } from "../../domain/task.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { capped, takes } from "../../domain/resources.ts";
import { NEVER, type Effect } from "../../domain/transition.ts";
import type { OnChange } from "../reader.ts";
import type { Demand, Store, Work } from "../store.ts";
import { acceptAction, advance, recordAttempt } from "./actions.ts";
import type { Database, Row } from "../../sqlite/database.ts";
import { ACTION_COLUMNS, json, LIVE, text, toAction } from "./rows.ts";

const FROM = "actions JOIN runs ON runs.id = actions.run_id";
/** Exactly as in the partial indexes, or SQLite does not use those. */
const QUEUED =
  "(phase IN ('queued', 'waiting_for_resources') AND suspended IS NOT 'waiting' AND wake_at IS NULL)";
/** Two attempts of one action never run at once, not even while the engine does not answer a request to end the first. */
const HELD = `EXISTS (SELECT 1 FROM effects WHERE effects.action_id = actions.id
  AND effect ->> 'type' IN ('stopAttempt', 'releaseAttempt'))`;
const LEASE = "SELECT owner, fence FROM leases WHERE name = 'orchestrator'";
const DEMAND_COLUMNS = `${ACTION_COLUMNS}, runs.settings ->> 'maxConcurrency' AS max_concurrency,
  json_object('requests', definition -> 'requests', 'limits', definition -> 'limits') AS resources`;

export function workStore(database: Database, notify: OnChange): Pick<Store, "acquire"> {
  const lease = database.ofTransaction(() => database.get(LEASE));
  return {
    acquire: async (owner) => {
      const fence = await database.write(() => {
        const row = database.get(
          `INSERT INTO leases (name, owner, fence) VALUES ('orchestrator', ?, 1)
           ON CONFLICT DO UPDATE SET owner = excluded.owner, fence = fence + 1 RETURNING fence`,
          owner,
        );
        lease.forget();
        return row?.["fence"] as number;
      });
      return work(database, owner, { fence, lease }, notify);
    },
  };
}

/** `fence`: of this owner; `lease`: the row of the last one. */
interface Held {
  readonly fence: number;
  readonly lease: { readonly value: Row | undefined };
}

function work(database: Database, owner: string, { fence, lease }: Held, notify: OnChange): Work {
  const isOwner = () => lease.value?.["fence"] === fence;
  const nothingWaits = (now: number) =>
    database.get("SELECT 1 FROM waiting_runs WHERE not_before <= ? LIMIT 1", now) === undefined;
  const write = <T>(change: () => T): Promise<T> =>
    database.write(() => {
      if (!isOwner())
        throw new BoxkiteError(
          "LEASE_LOST",
          `${text(lease.value?.["owner"])} drives the runs now, not ${owner}`,
          {
            hint: "use the server that has taken over the store; end it before this one is started again",
          },
        );
      return change();
    });
  return {
    acceptBegun: async (run, action, begun, by, maxActions) => {
      const accepted = await database.write(() => {
        const mayBegin = isOwner() && nothingWaits(begun.state.startedAt ?? action.state.createdAt);
        return acceptAction(database, run, mayBegin ? begun : action, by, maxActions);
      });
      if (typeof accepted === "string") return accepted;
      notify(accepted);
      return accepted[0];
    },
    advance: async (change) => {
      const changed = await write(() => advance(database, change));
      if (changed === undefined) return "conflict";
      notify(changed);
      return changed[0];
    },
    recordAttempt: async (action, facts, at) =>
      notify([await write(() => recordAttempt(database, action, facts, at))]),
    // Steps from one name to the next instead of reading every run that waits.
    waitingQueues: async () =>
      database
        .all(
          `WITH RECURSIVE waiting (queue) AS (
             SELECT min(queue) FROM waiting_runs
             UNION ALL
             SELECT (SELECT min(queue) FROM waiting_runs WHERE queue > waiting.queue)
             FROM waiting WHERE waiting.queue IS NOT NULL
           )
           SELECT queue FROM waiting WHERE queue IS NOT NULL`,
        )
        .map((row) => text(row["queue"])),
    // CROSS JOIN keeps the order of the index, so that the read ends at the limit.
    queueHeads: async (queue, now, limit, exceptRuns = [], wanted = 1) =>
      database
        .all(
          `SELECT ${DEMAND_COLUMNS} FROM waiting_runs
           CROSS JOIN actions ON actions.id IN (
             SELECT id FROM actions
             WHERE ${QUEUED} AND queue = ?1 AND run_id = waiting_runs.run_id AND not_before <= ?2 AND NOT ${HELD}
             ORDER BY not_before, id LIMIT iif(?5 < 2, 1, (
               SELECT max(1, CAST(min(?5, ?3) AS INTEGER) / max(1, count(*))) FROM (
                 SELECT 1 FROM waiting_runs WHERE queue = ?1 AND not_before <= ?2 LIMIT +?3))))
           JOIN runs ON runs.id = actions.run_id LEFT JOIN task_specs ON task_specs.digest = actions.spec_digest
           WHERE waiting_runs.queue = ?1 AND waiting_runs.not_before <= ?2
             AND waiting_runs.run_id NOT IN (SELECT value FROM json_each(?4))
           ORDER BY waiting_runs.not_before, waiting_runs.action_id, actions.not_before, actions.id LIMIT +?3`,
          queue,
          now,
          limit,
          JSON.stringify(exceptRuns),
          wanted,
        )
        .map(toDemand),
    liveAttempts: async () =>
      database
        .all(
          `SELECT ${DEMAND_COLUMNS} FROM ${FROM} LEFT JOIN task_specs ON task_specs.digest = actions.spec_digest
           WHERE ${LIVE} AND kind = 'task' ORDER BY actions.id`,
        )
        .map(toDemand),
    unfinishedChildren: async () =>
      database
        .all("SELECT id, run_id, parent FROM actions WHERE ended_at IS NULL AND parent IS NOT NULL")
        .map((row) => ({
          id: row["id"] as number,
          runId: row["run_id"] as number,
          parent: text(row["parent"]),
        })),
    dueTimers: async (now, limit) =>
      database
        .all(
          `SELECT ${ACTION_COLUMNS} FROM ${FROM} WHERE timer_at <= ? ORDER BY timer_at LIMIT +?`,
          now,
          limit,
        )
        .map(toAction),
    nextTimer: async () =>
      earliest(database, "SELECT min(timer_at) AS at FROM actions WHERE timer_at IS NOT NULL"),
    nextDelayEnd: async (after) =>
      earliest(
        database,
        `SELECT min(not_before) AS at FROM actions WHERE ${QUEUED} AND not_before > ?`,
        after,
      ),
    rebaseTimes: (now) =>
      write(() => {
        database.run("UPDATE effects SET not_before = 0 WHERE not_before > 0");
        return database.run(
          // These times were in the past when they were written: the latest shows by how much the clock is behind.
          `UPDATE actions SET created_at = created_at - behind, queued_at = queued_at - behind,
               not_before = iif(not_before = ?1, not_before, not_before - behind),
               started_at = started_at - behind, running_at = running_at - behind,
               timer_at = timer_at - behind, wake_at = wake_at - behind, version = version + 1
             FROM (
               SELECT id AS behind_id,
                 max(created_at, queued_at, coalesce(started_at, 0), coalesce(running_at, 0)) - ?2 AS behind
               FROM actions WHERE ended_at IS NULL)
             WHERE id = behind_id AND behind > 0`,
          NEVER,
          now,
        ).changes;
      }),
    hasEffects: async (lane) =>
      database.get("SELECT 1 FROM effects WHERE lane = ? LIMIT 1", lane) !== undefined,
    pendingEffects: async (lane, now, limit, except = []) =>
      database
        .all(
          `SELECT effects.id AS effect_id, effects.effect, effects.created_at AS effect_created_at, ${ACTION_COLUMNS}
           FROM effects JOIN actions ON actions.id = effects.action_id JOIN runs ON runs.id = actions.run_id
           WHERE effects.lane = ?1 AND effects.not_before <= ?2
             AND effects.id NOT IN (SELECT value FROM json_each(?3))
           ORDER BY effects.not_before, effects.id LIMIT +?4`,
          lane,
          now,
          JSON.stringify(except),
          limit,
        )
        .map((row) => ({
          id: row["effect_id"] as number,
          effect: json<Effect>(row["effect"]),
          createdAt: row["effect_created_at"] as number,
          action: toAction(row),
        })),
    nextEffect: async (now) =>
      earliest(
        database,
        `SELECT min(at) AS at FROM (
           SELECT min(not_before) AS at FROM effects WHERE lane = 'own' AND not_before > ?1
           UNION ALL
           SELECT min(not_before) FROM effects WHERE lane = 'webhooks' AND not_before > ?1)`,
        now,
      ),
    postponeEffect: (id, until) =>
      write(() => void database.run("UPDATE effects SET not_before = ? WHERE id = ?", until, id)),
    effectDone: (id, at, following = []) =>
      write(() => {
        const insert =
          "INSERT INTO effects (action_id, effect, created_at) SELECT action_id, ?, ? FROM effects WHERE id = ?";
        for (const effect of following) database.run(insert, JSON.stringify(effect), at, id);
        database.run("DELETE FROM effects WHERE id = ?", id);
      }),
  };
}

function earliest(database: Database, sql: string, ...values: number[]): number | undefined {
  return (database.get(sql, ...values)?.["at"] ?? undefined) as number | undefined;
}

function toDemand(row: Row): Demand {
  const { requests, limits } = json<Partial<Pick<TaskDefinition, "requests" | "limits">>>(row["resources"]);
  const action = toAction(row);
  return {
    action,
    takes: capped(takes({ requests: requests ?? {}, limits: limits ?? {} }), action.cpuCap),
    maxConcurrency: (row["max_concurrency"] ?? 0) as number,
  };
}
