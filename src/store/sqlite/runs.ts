/** Runs, the images they are pinned to, and what they may read. */
import type { ResolvedImage } from "../../domain/image.ts";
import type { RunScope } from "../../domain/list.ts";
import { DOMAINS, type RunKey } from "../../domain/ids.ts";
import type { RunRecord } from "../../domain/run.ts";
import { runStatus, type RunStatus } from "../../domain/run-status.ts";
import type { Store } from "../store.ts";
import type { OnChange } from "../reader.ts";
import { insertAction } from "./actions.ts";
import type { Database } from "../../sqlite/database.ts";
import { readList, type ListShape } from "./lists.ts";
import {
  ACTION_COLUMNS,
  json,
  RUN_COLUMNS,
  scopeConditions,
  text,
  toAction,
  toRun,
  UPDATED_AT,
} from "./rows.ts";

/** With each domain named, the index by status counts without reading the runs that have ended. */
const LISTED_DOMAINS = DOMAINS.map((domain) => `'${domain}'`).join(", ");

type RunStore = Pick<
  Store,
  | "createRun"
  | "getRun"
  | "listRuns"
  | "countRuns"
  | "liveRuns"
  | "changedRuns"
  | "pinImage"
  | "runImages"
  | "isGranted"
  | "grant"
  | "isStartedBy"
  | "runsWithLogs"
  | "logsRemoved"
>;

const FIELDS = {
  name: "runs.name",
  run_name: "runs.name",
  status: "runs.status",
  // As clients get it: domain/run-status.ts, runPhase.
  phase:
    "CASE WHEN runs.status = 'paused' OR actions.suspended = 'parked' THEN runs.status ELSE actions.phase END",
  task_name: "actions.task_name",
  task_version: "actions.task_version",
  environment_name: "actions.environment",
  created_at: "runs.accepted_at",
  created_by: "runs.created_by",
  start_time: "coalesce(actions.started_at, actions.created_at)",
  end_time: "coalesce(actions.ended_at, 0)",
  updated_at: UPDATED_AT,
};

/** `labels.NAME`: its value. `image.NAME`: NULL where no action of the run may use this image. */
function dynamicField(field: string): ReturnType<NonNullable<ListShape["dynamicField"]>> {
  const [kind, name] = [field.slice(0, field.indexOf(".")), field.slice(field.indexOf(".") + 1)];
  if (kind === "labels") return { sql: "(runs.settings -> 'labels' ->> ?)", values: [name] };
  if (kind !== "image") return undefined;
  const digest = DIGEST_START.exec(name)?.[0];
  const [condition, values] =
    digest === undefined
      ? ["reference = ?", [name]]
      : ["substr(image ->> 'digest', 1, ?) = ?", [digest.length, digest]];
  return {
    sql: `(SELECT 1 FROM run_images WHERE run_id = runs.id AND ${condition} LIMIT 1)`,
    values,
  };
}

/** At the end of a name, as lists and pages show it: of a digest mostly the first 12 digits. */
const DIGEST_START = /sha256:[0-9a-f]{12,64}$/u;

export function runStore(database: Database, notify: OnChange): RunStore {
  return {
    createRun: async (run, root, images, seeds = []) => {
      const created = await database.write(() => {
        const { changes, lastId } = database.run(
          `INSERT INTO runs (project, domain, name, spec, settings, base_uri, source, created_at, accepted_at,
             created_by, created_client, created_from, authority, started_by)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
          run.key.project,
          run.key.domain,
          run.key.run,
          run.spec,
          JSON.stringify(run.settings),
          run.baseUri,
          run.source,
          run.createdAt,
          root.state.createdAt,
          run.createdBy.who,
          run.createdBy.client,
          run.createdBy.from,
          run.authority.kind === "token" ? run.authority.id : null,
          run.settings.spawnedBy ? idOf(database, run.settings.spawnedBy) : null,
        );
        if (changes === 0) return undefined;
        const waitsForPerson = seeds.some(({ state }) => state.phase === "paused");
        const record = { ...run, id: lastId, status: runStatus(root.state, waitsForPerson) };
        for (const image of images) insertImage(database, record, image);
        const inserted = insertAction(database, record, root, run.createdBy);
        if (run.settings.spawnedBy) grantTo(database, run.settings.spawnedBy, `${run.baseUri}/`);
        for (const seed of seeds) insertAction(database, record, seed, run.createdBy);
        return { run: record, root: inserted };
      });
      if (created === undefined) return "exists";
      notify([created.root]);
      return created;
    },
    getRun: async (key) => {
      const row = database.get(
        `SELECT ${RUN_COLUMNS} FROM runs WHERE project = ? AND domain = ? AND name = ?`,
        key.project,
        key.domain,
        key.run,
      );
      return row && toRun(row);
    },
    listRuns: async (scope, query) => {
      const { sql, values } = runConditions(scope);
      const shape: ListShape = {
        columns: `${RUN_COLUMNS}, ${ACTION_COLUMNS}`,
        // CROSS JOIN: from the runs to their roots, so that a list in the order of an index ends at its limit.
        from: "runs CROSS JOIN actions ON actions.run_id = runs.id",
        where: ["actions.name = 'a0'", ...sql],
        values,
        fields: FIELDS,
        dynamicField,
        id: "runs.id",
        defaultSort: { field: "created_at", ascending: false },
      };
      return readList(database, shape, query, (row) => ({ run: toRun(row), root: toAction(row) }));
    },
    countRuns: async (scope) => {
      const { sql, values } = scopeConditions(scope, "runs");
      const rows = database.all(
        `SELECT status, count(*) AS count FROM runs WHERE ${sql.join(" AND ") || "TRUE"} GROUP BY status`,
        ...values,
      );
      return new Map(rows.map((row) => [text(row["status"]) as RunStatus, row["count"] as number]));
    },
    liveRuns: async (project, most) => {
      const row = database.get(
        `SELECT count(*) AS count FROM (SELECT 1 FROM runs WHERE project = ? AND domain IN (${LISTED_DOMAINS})
           AND status IN ('queued', 'running', 'paused') LIMIT +?)`,
        project,
        most,
      );
      return row?.["count"] as number;
    },
    // One writer: commits become visible in the order of their numbers, and the last number is the cursor.
    changedRuns: async (scope, after, limit) => {
      const from = Number(after);
      // Read first: what is committed after it is not passed.
      const newest = database.get("SELECT max(seq) AS seq FROM actions WHERE name = 'a0'")?.["seq"];
      const { sql, values } = runConditions(scope);
      const rows = database.all(
        // CROSS JOIN: in the order of the index, not by all runs of the project.
        `SELECT ${RUN_COLUMNS}, ${ACTION_COLUMNS} FROM actions CROSS JOIN runs ON runs.id = actions.run_id
         WHERE ${["actions.name = 'a0'", "actions.seq > ?", ...sql].join(" AND ")} ORDER BY actions.seq LIMIT +?`,
        from,
        ...values,
        limit,
      );
      const items = rows.map((row) => ({ run: toRun(row), root: toAction(row) }));
      const last = items.at(-1)?.root.seq ?? from;
      // Fewer than the limit: there is no more, and what changed in other scopes need not be read again.
      const cursor = items.length < limit ? Math.max(last, (newest ?? 0) as number) : last;
      return { items, cursor: String(cursor) };
    },
    pinImage: (run, image) =>
      database.write(() => {
        insertImage(database, run, image);
        const row = database.get(
          "SELECT image FROM run_images WHERE run_id = ? AND reference = ?",
          run.id,
          image.reference,
        );
        return json<ResolvedImage>(row?.["image"]);
      }),
    runImages: async (runId) =>
      database
        .all("SELECT image FROM run_images WHERE run_id = ? ORDER BY reference", runId)
        .map((row) => json<ResolvedImage>(row["image"])),
    isGranted: async (key, uri) => {
      // Each prefix of the URI that ends in `/` may have been granted.
      const candidates = [uri];
      for (let at = uri.indexOf("/", "s3://".length); at >= 0; at = uri.indexOf("/", at + 1)) {
        candidates.push(uri.slice(0, at + 1));
      }
      const row = database.get(
        `SELECT 1 FROM grants JOIN runs ON runs.id = grants.run_id
         WHERE project = ? AND domain = ? AND name = ? AND uri IN (SELECT value FROM json_each(?)) LIMIT 1`,
        key.project,
        key.domain,
        key.run,
        JSON.stringify(candidates),
      );
      return row !== undefined;
    },
    grant: (key, uris) =>
      database.write(() => {
        for (const uri of uris) grantTo(database, key, uri);
      }),
    isStartedBy: async (key, starter) => {
      const row = database.get(
        `WITH RECURSIVE starters (id) AS (
           SELECT started_by FROM runs WHERE project = ? AND domain = ? AND name = ?
           UNION SELECT runs.started_by FROM runs JOIN starters ON runs.id = starters.id)
         SELECT 1 FROM starters JOIN runs ON runs.id = starters.id
         WHERE project = ? AND domain = ? AND name = ? LIMIT 1`,
        key.project,
        key.domain,
        key.run,
        starter.project,
        starter.domain,
        starter.run,
      );
      return row !== undefined;
    },
    runsWithLogs: async (endedBefore, limit) =>
      database
        .all(
          // A run that was accepted later has not ended before that, so only older ones are read.
          `SELECT ${RUN_COLUMNS} FROM runs WHERE logs_removed_at IS NULL AND accepted_at < ?
             AND NOT EXISTS (SELECT 1 FROM actions WHERE run_id = runs.id AND (ended_at IS NULL OR ended_at >= ?))
           ORDER BY accepted_at LIMIT +?`,
          endedBefore,
          endedBefore,
          limit,
        )
        .map(toRun),
    logsRemoved: (run, at) =>
      database.write(() => void database.run("UPDATE runs SET logs_removed_at = ? WHERE id = ?", at, run.id)),
  };
}

function runConditions(scope: RunScope): { sql: string[]; values: string[] } {
  const { sql, values } = scopeConditions(scope, "runs");
  if (scope.taskName !== undefined) {
    sql.push("actions.task_name = ?");
    values.push(scope.taskName);
  }
  if (scope.taskVersion !== undefined) {
    sql.push("actions.task_version = ?");
    values.push(scope.taskVersion);
  }
  return { sql, values };
}

/** A run that does not exist gets no grant. */
function grantTo(database: Database, run: RunKey, uri: string): void {
  database.run(
    `INSERT INTO grants (run_id, uri) SELECT id, ? FROM runs WHERE project = ? AND domain = ? AND name = ?
     ON CONFLICT DO NOTHING`,
    uri,
    run.project,
    run.domain,
    run.run,
  );
}

function idOf(database: Database, { project, domain, run }: RunKey): number | null {
  const row = database.get(
    "SELECT id FROM runs WHERE project = ? AND domain = ? AND name = ?",
    project,
    domain,
    run,
  );
  return (row?.["id"] ?? null) as number | null;
}

function insertImage(
  database: Database,
  { id, key }: Pick<RunRecord, "id" | "key">,
  image: ResolvedImage,
): void {
  database.run(
    `INSERT INTO run_images (run_id, reference, image, project, domain) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
    id,
    image.reference,
    JSON.stringify(image),
    key.project,
    key.domain,
  );
}
