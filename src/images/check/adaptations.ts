/** What a server may do when it starts a task, so that an image runs that would not run as it is. The image stays unchanged. */
export type Adaptation =
  /** Starts the interpreter by its full path. */
  | "interpreter-path"
  /** Replaces an ENTRYPOINT that does not pass its arguments on. */
  | "entrypoint"
  /** Mounts `flyte` for the image's interpreter. */
  | "runtime-store"
  /** Mounts the code that is sent with a run, unpacked. */
  | "code-mount";

/** Those that this server has. What a finding names and this set contains makes the verdict "adapted" instead of "cannot". */
export const AVAILABLE_ADAPTATIONS: ReadonlySet<Adaptation> = new Set();
