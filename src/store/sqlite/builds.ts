/** Images that this server built. */
import type { BuildRecord } from "../../images/build/service.ts";
import type { Store } from "../store.ts";
import type { Database } from "./database.ts";
import { json } from "./rows.ts";

type BuildStore = Pick<Store, "recordBuild" | "findBuild" | "listBuilds" | "removeBuild">;

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
    removeBuild: (target) =>
      database.write(() => void database.run("DELETE FROM image_builds WHERE target = ?", target)),
  };
}
