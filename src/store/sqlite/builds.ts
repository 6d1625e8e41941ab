/** Images that this server built. */
import type { BuildRecord } from "../../domain/build-record.ts";
import type { Store } from "../store.ts";
import type { Database } from "../../sqlite/database.ts";
import { json, text } from "./rows.ts";

type BuildStore = Pick<Store, "recordBuild" | "findBuild" | "listBuilds" | "removeBuild" | "usesOfBuild">;

export function buildStore(database: Database): BuildStore {
  return {
    recordBuild: (build) =>
      database.write(
        () =>
          void database.run(
            `INSERT INTO image_builds (target, name, record, created_at) VALUES (?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET record = excluded.record, created_at = excluded.created_at`,
            build.target,
            build.name,
            JSON.stringify(build),
            build.createdAt,
          ),
      ),
    findBuild: async (target) => {
      const row = database.get("SELECT record FROM image_builds WHERE target = ?", target);
      return row && json<BuildRecord>(row["record"]);
    },
    listBuilds: async (name) =>
      database
        .all(
          `SELECT record FROM image_builds ${name === undefined ? "" : "WHERE name = ?"} ORDER BY created_at DESC`,
          ...(name === undefined ? [] : [name]),
        )
        .map((row) => json<BuildRecord>(row["record"])),
    usesOfBuild: async (build) => ({
      deployments: database
        .all(
          `SELECT tasks.project, tasks.domain, tasks.name, tasks.version FROM tasks
           JOIN task_specs ON task_specs.digest = tasks.spec_digest
           WHERE task_specs.definition ->> 'image' IN (SELECT value FROM json_each(?1))
             OR EXISTS (SELECT 1 FROM json_each(task_specs.definition, '$.relatedImages') AS related
                        WHERE related.value IN (SELECT value FROM json_each(?1)))
           ORDER BY tasks.id`,
          JSON.stringify(namesOf(build)),
        )
        .map((row) => ({
          project: text(row["project"]),
          domain: text(row["domain"]),
          name: text(row["name"]),
          version: text(row["version"]),
        })),
      runs: database
        .all(
          `SELECT runs.project, runs.domain, runs.name, runs.created_at,
             EXISTS (SELECT 1 FROM actions WHERE actions.run_id = runs.id AND ended_at IS NULL) AS live
           FROM runs WHERE runs.id IN (
             SELECT run_id FROM run_images WHERE reference = ?1 OR image ->> 'digest' IN (?2, ?3))
           ORDER BY runs.id`,
          build.reference,
          build.digest,
          build.imageId,
        )
        .map((row) => ({
          key: { project: text(row["project"]), domain: text(row["domain"]), run: text(row["name"]) },
          createdAt: row["created_at"] as number,
          live: row["live"] === 1,
        })),
    }),
    removeBuild: (target) =>
      database.write(() => void database.run("DELETE FROM image_builds WHERE target = ?", target)),
  };
}

/** A task may also name an image by its tag, and one that stays in the engine without "localhost/". */
function namesOf({ reference, target }: BuildRecord): string[] {
  return [reference, target, target.replace(/^localhost\//, "")];
}
