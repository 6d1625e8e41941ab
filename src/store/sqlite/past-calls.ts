/** What a task called when it ran before. */
import type { TaskDefinition } from "../../domain/task.ts";
import type { Store } from "../store.ts";
import type { Database } from "../../sqlite/database.ts";
import { json } from "./rows.ts";

/** Runs of the image, and actions of the run, that are read at most: what was called is a guess, and must not cost much. */
const MOST_RUNS = 50;
const MOST_ACTIONS = 500;

export function pastCallsStore(database: Database): Pick<Store, "calledBefore"> {
  return {
    calledBefore: async ({ project, domain, name, version, image }, limit) => {
      const run = database.get(
        // CROSS JOIN: the newest of the index, with the root of each.
        `SELECT root.run_id FROM (
           SELECT run_id FROM run_images WHERE reference = ? AND project = ? AND domain = ?
           ORDER BY run_id DESC LIMIT ${MOST_RUNS}) AS newest
         CROSS JOIN actions AS root ON root.run_id = newest.run_id AND root.name = 'a0'
         WHERE root.task_name = ? AND root.ended_at IS NOT NULL
         ORDER BY root.task_version = ? DESC, root.phase = 'succeeded' DESC, root.run_id DESC LIMIT 1`,
        image,
        project,
        domain,
        name,
        version,
      )?.["run_id"];
      if (typeof run !== "number") return [];
      const rows = database.all(
        `SELECT task_specs.definition FROM (
           SELECT spec_digest, min(id) AS first FROM (
             SELECT id, spec_digest FROM actions WHERE run_id = ? AND kind = 'task' AND parent IS NOT NULL
             ORDER BY created_at, id LIMIT ${MOST_ACTIONS})
           GROUP BY spec_digest ORDER BY first LIMIT +?) AS called
         CROSS JOIN task_specs ON task_specs.digest = called.spec_digest ORDER BY called.first`,
        run,
        limit,
      );
      return rows.map((row) => json<TaskDefinition>(row["definition"]));
    },
  };
}
