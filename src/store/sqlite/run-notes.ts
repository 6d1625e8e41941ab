/** What checks of images found of runs. */
import { MAX_RUN_NOTES, type RunNote } from "../../domain/run-note.ts";
import type { Store } from "../store.ts";
import type { Database, Row } from "../../sqlite/database.ts";
import { optionalText, text } from "./rows.ts";

export function runNotesStore(database: Database): Pick<Store, "runNotes" | "recordRunNotes"> {
  return {
    runNotes: async (run) => {
      const rows = database.all(
        "SELECT image, code, text, mend FROM run_notes WHERE run_id = ? ORDER BY id",
        run.id,
      );
      const counted = database.get("SELECT notes_omitted FROM runs WHERE id = ?", run.id);
      return { notes: rows.map(toNote), omitted: (counted?.["notes_omitted"] ?? 0) as number };
    },
    recordRunNotes: (run, notes) =>
      database.write(() => {
        for (const note of notes) recordNote(database, run.id, note);
      }),
  };
}

function recordNote(database: Database, runId: number, { image, code, text: says, mend }: RunNote): void {
  const { known, count } = database.get(
    "SELECT count(*) AS count, coalesce(max(image = ? AND code = ?), 0) AS known FROM run_notes WHERE run_id = ?",
    image,
    code,
    runId,
  ) as { known: number; count: number };
  if (known === 1) return;
  if (count >= MAX_RUN_NOTES)
    database.run("UPDATE runs SET notes_omitted = notes_omitted + 1 WHERE id = ?", runId);
  else
    database.run(
      "INSERT INTO run_notes (run_id, image, code, text, mend) VALUES (?, ?, ?, ?, ?)",
      runId,
      image,
      code,
      says,
      mend ?? null,
    );
}

function toNote(row: Row): RunNote {
  const mend = optionalText(row["mend"]);
  return {
    image: text(row["image"]),
    code: text(row["code"]),
    text: text(row["text"]),
    ...(mend !== undefined && { mend }),
  };
}
