/** What attempts are made from. */
import type { ResolvedImage } from "../../domain/image.ts";
import type { TaskDefinition } from "../../domain/task.ts";
import type { Store } from "../store.ts";
import type { Database } from "../../sqlite/database.ts";
import { json, RUN_COLUMNS, toRun } from "./rows.ts";

export function attemptSources(database: Database): Pick<Store, "attemptSources"> {
  return {
    attemptSources: async ({ runId, specDigest }) => {
      const row = database.get(
        `SELECT ${RUN_COLUMNS}, definition, image FROM runs CROSS JOIN task_specs
         LEFT JOIN run_images ON run_images.run_id = runs.id AND reference = definition ->> 'image'
         WHERE runs.id = ? AND task_specs.digest = ?`,
        runId,
        specDigest ?? "",
      );
      return (
        row && {
          run: toRun(row),
          definition: json<TaskDefinition>(row["definition"]),
          image: row["image"] === null ? undefined : json<ResolvedImage>(row["image"]),
        }
      );
    },
  };
}
