/** Notes on images that are found after the call that needs the images was answered. */
import type { RunNote } from "../../domain/run-note.ts";
import type { Logger } from "../../lib/log.ts";

export interface CheckedImages {
  /** On what was found in time. */
  readonly notes: readonly RunNote[];
  /** Calls back with the notes on what is found later. */
  whenRead(record: (notes: readonly RunNote[]) => Promise<void>): void;
}

export interface LateNotes {
  readonly image: string;
  /** Called once the run is accepted. */
  readonly find: () => Promise<readonly RunNote[]>;
}

export const NOTHING_LATER: CheckedImages["whenRead"] = () => {};

export function recordLate(late: readonly LateNotes[], log: Logger): CheckedImages["whenRead"] {
  return (record) => {
    for (const { image, find } of late)
      find()
        .then(record)
        .catch((error: unknown) => log.debug("notes on an image could not be kept", { image, error }));
  };
}
