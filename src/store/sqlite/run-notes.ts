/** What checks of images found of runs. */
import type { RunNote } from "../../domain/run-note.ts";
import type { Store } from "../store.ts";
import type { Database } from "./database.ts";
import { optionalText, text } from "./rows.ts";

export function runNotesStore(database: Database): Pick<Store, "runNotes" | "recordRunNotes"> {
  return {
    runNotes: async (run) =>
      database
        .all("SELECT image, code, text, mend FROM run_notes WHERE run_id = ? ORDER BY id", run.id)
        .map((row): RunNote => {
          const mend = optionalText(row["mend"]);
          return {
            image: text(row["image"]),
            code: text(row["code"]),
            text: text(row["text"]),
            ...(mend !== undefined && { mend }),
          };
        }),
    recordRunNotes: (run, notes) =>
      database.write(() => {
        for (const { image, code, text: says, mend } of notes)
          database.run(
            "INSERT INTO run_notes (run_id, image, code, text, mend) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            run.id,
            image,
            code,
            says,
            mend ?? null,
          );
      }),
  };
}
