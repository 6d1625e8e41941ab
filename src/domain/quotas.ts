/** What one project may take of the server. Each limit holds for every project on its own. */
export interface Quotas {
  /** Runs that have not ended. */
  readonly liveRuns: number;
  /** Runs that the tasks of one run start, and the tasks of those, and so on. */
  readonly startedRuns: number;
  /** How many runs deep tasks start runs: 1 is a run that a task of a person's run starts. */
  readonly depth: number;
  /** Unlimited where undefined. */
  readonly callsPerSecond: number | undefined;
  /** Of all objects together; unlimited where undefined. */
  readonly storedBytes: number | undefined;
}

/** Beyond what one person starts on purpose; a task that starts runs for ever is stopped. */
export const DEFAULT_QUOTAS: Quotas = {
  liveRuns: 10_000,
  startedRuns: 1_000,
  depth: 20,
  callsPerSecond: undefined,
  storedBytes: undefined,
};
