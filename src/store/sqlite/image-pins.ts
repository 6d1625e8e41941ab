/** Which images runs have used for a reference: what a tag named before, and whether that still counts. */
import type { ResolvedImage } from "../../domain/image.ts";
import type { Store } from "../store.ts";
import type { Database } from "../../sqlite/database.ts";
import { json, text } from "./rows.ts";

export function imagePinsStore(database: Database): Pick<Store, "newestPin" | "unpinImage"> {
  return {
    newestPin: async ({ project, domain }, reference, before = Number.MAX_SAFE_INTEGER) => {
      const row = database.get(
        // CROSS JOIN: the first of the index.
        `SELECT runs.name, run_images.image, run_images.run_id <= coalesce(
           (SELECT up_to_run FROM image_unpins WHERE reference = ?1), 0) AS unpinned
         FROM run_images CROSS JOIN runs ON runs.id = run_images.run_id
         WHERE run_images.reference = ?1 AND run_images.project = ?2 AND run_images.domain = ?3
           AND run_images.run_id < ?4
         ORDER BY run_images.run_id DESC LIMIT 1`,
        reference,
        project,
        domain,
        before,
      );
      return (
        row && {
          run: text(row["name"]),
          image: json<ResolvedImage>(row["image"]),
          isUnpinned: row["unpinned"] === 1,
        }
      );
    },
    unpinImage: (reference) =>
      database.write(() => {
        const last = database.get("SELECT max(run_id) AS id FROM run_images WHERE reference = ?", reference);
        const id = last?.["id"];
        if (typeof id !== "number") return "missing";
        database.run(
          `INSERT INTO image_unpins (reference, up_to_run) VALUES (?, ?)
           ON CONFLICT DO UPDATE SET up_to_run = excluded.up_to_run`,
          reference,
          id,
        );
        return "unpinned";
      }),
  };
}
