/** Notes that are kept of one run; what is found beyond them is only counted. */
export const MAX_RUN_NOTES = 100;

export interface RunNotes {
  /** In the order in which they were found. */
  readonly notes: readonly RunNote[];
  /** How many were found and not kept. */
  readonly omitted: number;
}

/** What was found of a run, mostly in its images, that does not keep it from starting. */
export interface RunNote {
  /** The image, as the program names it; of a note on one task, with that in brackets. A run has one note of an image and code. */
  readonly image: string;
  /** Of a finding, which docs/image-check.md explains; or of what docs/warm-starts.md explains. */
  readonly code: string;
  readonly text: string;
  /** What mends it: a line of a Dockerfile, a call of the SDK, or a command. */
  readonly mend?: string;
}
