/** What is durable and what is isolated, in words that several benchmarks share. */
import type { Conditions } from "./measure.ts";

/** Of every server that a benchmark starts. */
export const ON_DISK =
  "each change is on disk before it is answered (SQLite, WAL, synchronous = FULL; calls that arrive together share a commit)";
export const NOT_DURABLE = "none: what is lost in a crash is computed again";
const NO_ACTIONS = "no actions run";

/** The server alone is measured: its tasks stay queued, or there are none. */
export const SERVER_ONLY: Conditions = { durability: ON_DISK, isolation: NO_ACTIONS };
export const IN_CONTAINERS: Conditions = {
  durability: ON_DISK,
  isolation: "a container for each action, made for it (Podman)",
};
export const IN_PROCESSES: Conditions = {
  durability: ON_DISK,
  isolation: "a process for each action, none else (the process executor)",
};
/** Nothing is durable and nothing is isolated: what the work alone costs. */
export const NOTHING: Conditions = { durability: NOT_DURABLE, isolation: "none" };
export const BARE_SERVER: Conditions = { durability: "none: nothing is stored", isolation: NO_ACTIONS };
export const BARE_COMMIT: Conditions = {
  durability: "each commit is on disk (SQLite, WAL, synchronous = FULL)",
  isolation: NO_ACTIONS,
};
export const BARE_PROGRAM: Conditions = {
  durability: "none: its files are written and not synced",
  isolation: "a process for each action",
};
export const BARE_CONTAINER: Conditions = {
  durability: "none beyond what the engine writes itself",
  isolation: "a container for each",
};
