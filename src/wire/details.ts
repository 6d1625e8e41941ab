/** Actions and runs as clients read them: in lists, in details, in the updates that a parent watches. */
import { create, fromBinary } from "@bufbuild/protobuf";
import { isSleep } from "../domain/sleep.ts";
import { isTerminal } from "../domain/phase.ts";
import { runPhase } from "../domain/run-status.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { AttemptRecord } from "../domain/attempt.ts";
import type { ListedRun } from "../domain/list.ts";
import type { RunRecord } from "../domain/run.ts";
import type { StoredSpec } from "../domain/task.ts";
import { encodeErrorInfo, encodeExecutionError } from "./action-error.ts";
import { encodeCaller } from "./caller.ts";
import { encodeAttempt, encodeTakenOver } from "./attempt-details.ts";
import { LiteralSchema } from "./gen/flyteidl2/core/literals_pb.js";
import { RunSpecSchema } from "./gen/flyteidl2/task/run_pb.js";
import {
  ActionDetailsSchema,
  ActionMetadataSchema,
  ActionSchema,
  ActionStatusSchema,
  ConditionActionSchema,
  RunDetailsSchema,
  RunSchema,
  TraceActionSchema,
  type Action,
  type ActionDetails,
  type ActionMetadata,
  type ActionStatus,
  type Run,
  type RunDetails,
} from "./gen/flyteidl2/workflow/run_definition_pb.js";
import { ActionUpdateSchema, type ActionUpdate } from "./gen/flyteidl2/workflow/state_service_pb.js";
import { encodeActionId, encodeTaskId } from "./identifiers.ts";
import { encodeActionType, encodeCacheStatus, encodePhase, encodeSource } from "./phase.ts";
import { encodeTaskSpec } from "./task-spec.ts";
import { encodeTime } from "./time.ts";

export function encodeAction(record: ActionRecord, run: RunRecord): Action {
  return create(ActionSchema, {
    id: encodeActionId(record.key),
    metadata: encodeMetadata(record, run),
    status: encodeStatus(record),
  });
}

function encodeMetadata(record: ActionRecord, run: RunRecord): ActionMetadata {
  return create(ActionMetadataSchema, {
    parent: record.parent ?? "",
    group: record.group,
    executedBy: encodeCaller(run.createdBy.who),
    actionType: encodeActionType(record.kind),
    environmentName: record.environment,
    funtionName: record.displayName,
    source: encodeSource(run.source),
    spec: encodeMetadataSpec(record),
    ...(record.state.source && record.state.phase === "recovered"
      ? { recoveredFrom: encodeActionId(record.state.source) }
      : {}),
    ...encodeRelation(record, run),
  });
}

/** Which run this one repeats, recovers or was started by; clients read it at the root. */
function encodeRelation({ parent }: ActionRecord, run: RunRecord): Pick<ActionMetadata, "relation"> {
  if (parent !== undefined) return {};
  const { relation } = fromBinary(RunSpecSchema, run.spec);
  return relation ? { relation } : {};
}

function encodeMetadataSpec(record: ActionRecord): ActionMetadata["spec"] {
  switch (record.kind) {
    case "task": {
      const { project, domain } = record.key;
      const id = encodeTaskId({ project, domain, name: record.taskName, version: record.taskVersion });
      const value = { id, taskType: record.taskType, shortName: record.displayName };
      return create(ActionMetadataSchema, { spec: { case: "task", value } }).spec;
    }
    case "trace":
      return create(ActionMetadataSchema, { spec: { case: "trace", value: { name: record.displayName } } })
        .spec;
    case "condition": {
      const { type } = fromBinary(ConditionActionSchema, record.detail ?? new Uint8Array());
      const value = { name: record.displayName, ...(type && { type }) };
      return create(ActionMetadataSchema, { spec: { case: "condition", value } }).spec;
    }
  }
}

function encodeStatus({ state }: ActionRecord): ActionStatus {
  const start = state.startedAt ?? state.createdAt;
  return create(ActionStatusSchema, {
    phase: encodePhase(state.phase),
    startTime: encodeTime(start),
    // Clients index attempts by this number less one, so it is never zero (seen with flyte 2.12.1).
    attempts: Math.max(1, state.attempt),
    cacheStatus: encodeCacheStatus(state.cacheStatus),
    ...(state.endedAt === undefined
      ? {}
      : { endTime: encodeTime(state.endedAt), durationMs: BigInt(Math.max(0, state.endedAt - start)) }),
  });
}

export interface DetailSources {
  readonly record: ActionRecord;
  readonly run: RunRecord;
  readonly spec: StoredSpec | undefined;
  readonly attempts: readonly AttemptRecord[];
}

export function encodeActionDetails({ record, run, spec, attempts }: DetailSources): ActionDetails {
  const { state } = record;
  return create(ActionDetailsSchema, {
    id: encodeActionId(record.key),
    metadata: encodeMetadata(record, run),
    status: encodeStatus(record),
    result: encodeResult(record),
    spec: encodeDetailSpec(record, spec),
    attempts:
      attempts.length === 0 && state.source
        ? [encodeTakenOver(record, state.source)]
        : attempts.map((attempt) =>
            encodeAttempt(attempt, attempt.attempt === state.attempt, !isSleep(record)),
          ),
  });
}

function encodeResult({ state }: ActionRecord): ActionDetails["result"] {
  const of = (result: Parameters<typeof create<typeof ActionDetailsSchema>>[1]) =>
    create(ActionDetailsSchema, result).result;
  if (state.value)
    return of({ result: { case: "signalInfo", value: { output: fromBinary(LiteralSchema, state.value) } } });
  if (state.phase === "aborted") {
    return of({
      result: {
        case: "abortInfo",
        value: { reason: state.abortReason ?? "", abortedBy: encodeCaller(undefined) },
      },
    });
  }
  // The error of an attempt that is followed by another one belongs to that attempt only.
  if (state.error && isTerminal(state.phase))
    return { case: "errorInfo", value: encodeErrorInfo(state.error) };
  return { case: undefined };
}

function encodeDetailSpec(record: ActionRecord, spec: StoredSpec | undefined): ActionDetails["spec"] {
  const detail = record.detail ?? new Uint8Array();
  switch (record.kind) {
    case "task":
      return spec ? { case: "task", value: encodeTaskSpec(spec) } : { case: undefined };
    case "trace": {
      const trace = fromBinary(TraceActionSchema, detail).spec;
      return trace ? { case: "trace", value: trace } : { case: undefined };
    }
    case "condition":
      return { case: "condition", value: fromBinary(ConditionActionSchema, detail) };
  }
}

export function encodeRun({ run, root }: ListedRun): Run {
  return create(RunSchema, {
    action: asRun(encodeAction(root, run), root, run),
    labels: run.settings.labels,
  });
}

export function encodeRunDetails(sources: DetailSources): RunDetails {
  return create(RunDetailsSchema, {
    runSpec: fromBinary(RunSpecSchema, sources.run.spec),
    action: asRun(encodeActionDetails(sources), sources.record, sources.run),
  });
}

/** The root stands for its run, and shows the run's phase; as an action, asked by its name, it shows its own. */
function asRun<T extends Action | ActionDetails>(message: T, root: ActionRecord, run: RunRecord): T {
  if (message.status !== undefined) message.status.phase = encodePhase(runPhase(root.state, run.status));
  return message;
}

/**
 * What a parent's controller waits for (seen with flyte 2.12.1). It warns of an update without an output
 * URI in whatever phase, so one that is still to come is named too, and so is that of a sleep, which has no outputs.
 * A trace that has recorded none keeps the empty one: the controller reads whatever is named, and fails where nothing is.
 */
export function encodeUpdate(
  { key, kind, state }: Pick<ActionRecord, "key" | "kind" | "state">,
  expectedOutputUri: string,
): ActionUpdate {
  return create(ActionUpdateSchema, {
    actionId: encodeActionId(key),
    phase: encodePhase(state.phase),
    outputUri:
      kind === "trace" ? (state.outputUri ?? expectedOutputUri) : state.outputUri || expectedOutputUri,
    ...(state.error && isTerminal(state.phase) ? { error: encodeExecutionError(state.error) } : {}),
    ...(state.value ? { value: fromBinary(LiteralSchema, state.value) } : {}),
  });
}
