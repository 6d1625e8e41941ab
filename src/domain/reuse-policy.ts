/** What `flyte.ReusePolicy` says of an environment: attempts follow one another in resident workers. */

export interface ReusePolicy {
  /** Workers that are kept while the environment is in use. */
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Attempts at the same time in one worker; more than one is for async tasks. */
  readonly concurrency: number;
  /** Milliseconds without an attempt in any worker after which all of them end. */
  readonly idleTtlMs: number;
  /** Milliseconds without an attempt after which a worker above `minReplicas` ends. */
  readonly scaledownTtlMs: number;
  /** Who shares workers: all runs of the project and domain, or those of one run. */
  readonly scope: "global" | "run";
}
