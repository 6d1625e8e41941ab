/** Fills a store with what would take hours to run, through the store itself. */
import { EVERYONE, LOCAL } from "../../src/domain/principal.ts";
import { join } from "node:path";
import { NO_RETRIES, type ActionState } from "../../src/domain/action.ts";
import { newConditionState, newTaskState } from "../../src/domain/initial-state.ts";
import type { NewAction } from "../../src/domain/action-record.ts";
import { NO_SETTINGS, type NewRun } from "../../src/domain/run.ts";
import { runBaseUri } from "../../src/orchestrator/paths.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { decodeTaskSpec } from "../../src/wire/task-spec.ts";
import { ROOT, SCOPE, taskSpec } from "./requests.ts";

const SPEC = decodeTaskSpec(taskSpec({ command: ["true"] }));
const OTHER_SPEC = decodeTaskSpec(taskSpec({ command: ["true"], name: "bench.other" }));
const HOUR_MS = 3_600_000;
/** A transaction of this size keeps the log of the database small. */
const PER_COMMIT = 1_000;

/** Opens the store that a server will find in this data directory. */
export async function seed(data: string, fill: (store: Store) => Promise<void>): Promise<void> {
  const store = openSqliteStore(join(data, "store.sqlite"));
  try {
    await fill(store);
  } finally {
    await store.close();
  }
}

/** A run whose children have all ended; the root waits for a signal, so that it takes more of them. */
export async function seedWideRun(store: Store, name: string, children: number): Promise<void> {
  const { run } = created(await store.createRun(newRun(name, Date.now()), waiting(ROOT), []));
  for (let from = 0; from < children; from += PER_COMMIT) {
    const names = Array.from(
      { length: Math.min(PER_COMMIT, children - from) },
      (_, index) => `c${from + index}`,
    );
    await Promise.all(
      names.map((child) => store.createAction(run, { ...ended(child), parent: ROOT }, LOCAL)),
    );
  }
}

/** Runs of one action that ended, one a second up to now; every tenth failed, every fourth of another task. */
export async function seedRuns(store: Store, count: number): Promise<void> {
  const now = Date.now();
  for (let from = 0; from < count; from += PER_COMMIT) {
    const indexes = Array.from({ length: Math.min(PER_COMMIT, count - from) }, (_, index) => from + index);
    await Promise.all(
      indexes.map((index) => {
        const at = now - (count - index) * 1_000;
        const root = { ...ended(ROOT, index % 10 === 0, at), spec: index % 4 === 0 ? OTHER_SPEC : SPEC };
        return store.createRun(newRun(`r${index}`, at), root, []);
      }),
    );
  }
}

/** Conditions that wait, each with a time limit an hour away. */
export async function seedTimers(store: Store, count: number): Promise<void> {
  const { run } = created(await store.createRun(newRun("timers", Date.now()), waiting(ROOT), []));
  for (let from = 0; from < count; from += PER_COMMIT) {
    const names = Array.from(
      { length: Math.min(PER_COMMIT, count - from) },
      (_, index) => `t${from + index}`,
    );
    await Promise.all(
      names.map((name) => store.createAction(run, { ...waiting(name), parent: ROOT }, LOCAL)),
    );
  }
}

function newRun(name: string, createdAt: number): NewRun {
  const key = { ...SCOPE, run: name };
  const settings = { ...NO_SETTINGS, labels: { team: "bench" } };
  return {
    key,
    spec: new Uint8Array(),
    settings,
    baseUri: runBaseUri("boxkite", key),
    source: "cli",
    createdAt,
    createdBy: LOCAL,
    authority: EVERYONE,
  };
}

function ended(name: string, failed = false, at = Date.now()): NewAction {
  const outcome: Pick<ActionState, "phase" | "error"> = failed
    ? { phase: "failed", error: { code: "ValueError", message: "x", kind: "user", recoverable: true } }
    : { phase: "succeeded" };
  return {
    name,
    kind: "task",
    group: "",
    spec: SPEC,
    displayName: SPEC.definition.shortName,
    inputUri: `s3://boxkite/bench/${name}/inputs.pb`,
    policy: NO_RETRIES,
    state: { ...newTaskState(at), ...outcome, attempt: 1, startedAt: at, runningAt: at, endedAt: at + 500 },
    grants: [],
  };
}

function waiting(name: string): NewAction {
  return {
    name,
    kind: "condition",
    group: "",
    detail: new Uint8Array(),
    displayName: name,
    inputUri: "",
    policy: { ...NO_RETRIES, deadlineMs: HOUR_MS },
    state: newConditionState(Date.now()),
    grants: [],
  };
}

function created<T>(result: T | "exists"): T {
  if (result === "exists") throw new Error("the run exists already");
  return result as T;
}
