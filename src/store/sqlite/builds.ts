/** Images that this server built. */
import type { BuildRecord } from "../../images/build/service.ts";
import type { Store } from "../store.ts";
import type { Database } from "./database.ts";
import { json, text } from "./rows.ts";

type BuildStore = Pick<Store, "recordBuild" | "findBuild" | "listBuilds" | "removeBuild" | "usesOfImage">;

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
    usesOfImage: async (reference) => ({
      deployments: database
        .all(
          `SELECT tasks.project, tasks.domain, tasks.name, tasks.version FROM tasks
           JOIN task_specs ON task_specs.digest = tasks.spec_digest
           WHERE task_specs.definition ->> 'image' = ?1
             OR EXISTS (SELECT 1 FROM json_each(task_specs.definition, '$.relatedImages') WHERE value = ?1)
           ORDER BY tasks.id`,
          reference,
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
           FROM run_images JOIN runs ON runs.id = run_images.run_id WHERE run_images.reference = ? ORDER BY runs.id`,
          reference,
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
