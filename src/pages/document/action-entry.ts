/** An action in a document: its state, its task, what it was started with, and its attempts. */
import type { ActionRecord } from "../../domain/action-record.ts";
import type { ActionError } from "../../domain/action.ts";
import type { AttemptRecord } from "../../domain/attempt.ts";
import { withoutErrorTrailer } from "../../domain/error-trailer.ts";
import { provenanceOf } from "../../domain/provenance.ts";
import type { RunRecord } from "../../domain/run.ts";
import type {
  ActionEntry,
  AttemptEntry,
  FingerprintedVariable,
  TaskEntry,
} from "../../domain/run-document.ts";
import type { TaskDefinition } from "../../domain/task.ts";
import { startedAt } from "../action-times.ts";
import type { PageContext } from "../page-context.ts";
import { inputsEntry } from "./inputs-entry.ts";

export type EntryContext = Pick<PageContext, "store" | "objects" | "bucket" | "log" | "fingerprint">;

const MAX_ATTEMPTS = 20;
const MAX_VARIABLES = 1_000;

export async function actionEntry(
  context: EntryContext,
  run: RunRecord,
  record: ActionRecord,
): Promise<ActionEntry> {
  const { store, fingerprint } = context;
  const [spec, attempts, inputs] = await Promise.all([
    record.specDigest === undefined ? undefined : store.getSpec(record.specDigest),
    store.listAttempts(record),
    inputsEntry(context, record, run.baseUri),
  ]);
  const definition = spec?.definition;
  const { key, state } = record;
  const started = startedAt(record);
  return {
    name: key.action,
    displayName: record.displayName,
    kind: record.kind,
    group: record.group,
    queue: record.queue,
    phase: state.phase,
    createdAt: state.createdAt,
    cacheStatus: state.cacheStatus,
    inputUri: record.inputUri,
    inputs,
    environment:
      definition === undefined ? [] : variables({ ...run.settings.env, ...definition.env }, fingerprint),
    attempts: attempts.slice(-MAX_ATTEMPTS).map((attempt) => attemptEntry(attempt, definition)),
    ...(record.parent !== undefined && { parent: record.parent }),
    ...(state.reason !== undefined && { reason: state.reason }),
    ...(started !== undefined && { startedAt: started }),
    ...(state.endedAt !== undefined && { endedAt: state.endedAt }),
    ...(state.source && { resultOf: state.source }),
    ...(state.outputUri !== undefined && { outputUri: state.outputUri }),
    ...(definition && { task: taskEntry(definition) }),
    ...(state.error && { error: errorEntry(state.error) }),
    ...(state.abortReason !== undefined && { abortReason: state.abortReason }),
  };
}

function attemptEntry(record: AttemptRecord, definition: TaskDefinition | undefined): AttemptEntry {
  const { attempt, outcome, createdAt, startedAt: started, endedAt, exitCode, error } = record;
  return {
    attempt,
    createdAt,
    provenance: provenanceOf(record, definition),
    ...(outcome !== undefined && { outcome }),
    ...(started !== undefined && { startedAt: started }),
    ...(endedAt !== undefined && { endedAt }),
    ...(exitCode !== undefined && { exitCode }),
    ...(error && { error: errorEntry(error) }),
  };
}

/** Messages are bounded where they are stored: domain/text.ts. */
function errorEntry(error: ActionError): ActionError {
  return { ...error, message: withoutErrorTrailer(error.message) };
}

function taskEntry(definition: TaskDefinition): TaskEntry {
  const { name, version, type, environment, image, requests, limits, policy, cache } = definition;
  const { userRetries, queuedTimeoutMs, maxRuntimeMs, deadlineMs } = policy;
  return {
    name,
    version,
    type,
    environment,
    image,
    requests,
    limits,
    retries: userRetries,
    ...(definition.sharedMemoryBytes !== undefined && { sharedMemoryBytes: definition.sharedMemoryBytes }),
    ...(definition.podTemplate !== undefined && { podTemplate: definition.podTemplate }),
    ...(queuedTimeoutMs !== undefined && { queuedTimeoutMs }),
    ...(maxRuntimeMs !== undefined && { maxRuntimeMs }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(cache && { cacheVersion: cache.version }),
  };
}

function variables(
  env: Readonly<Record<string, string>>,
  fingerprint: EntryContext["fingerprint"],
): FingerprintedVariable[] {
  return Object.entries(env)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, MAX_VARIABLES)
    .map(([name, value]) => ({ name, fingerprint: fingerprint(`${name}=${value}`) }));
}
