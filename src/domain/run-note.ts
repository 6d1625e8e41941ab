/** What a check of a run's images found that does not keep the run from starting. */
export interface RunNote {
  /** The image, as the program names it. */
  readonly image: string;
  /** Of a finding: docs/image-check.md has each. */
  readonly code: string;
  readonly text: string;
  /** What mends it: a line of a Dockerfile, a call of the SDK, or a command. */
  readonly mend?: string;
}
