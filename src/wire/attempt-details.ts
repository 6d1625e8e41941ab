/** Attempts as clients read them. */
import { create } from "@bufbuild/protobuf";
import type { ActionRecord } from "../domain/action-record.ts";
import type { ResultSource } from "../domain/action.ts";
import type { AttemptRecord } from "../domain/attempt.ts";
import { describeWarmStart } from "../domain/describe-warm-start.ts";
import { pinOf, type ResolvedImage } from "../domain/image.ts";
import { phaseOfOutcome } from "../domain/outcome/judge.ts";
import type { Phase } from "../domain/phase.ts";
import { encodeErrorInfo } from "./action-error.ts";
import { OutputReferencesSchema } from "./gen/flyteidl2/task/common_pb.js";
import {
  ActionAttemptSchema,
  ClusterEvent_Type,
  ClusterEventSchema,
  PhaseTransitionSchema,
  type ActionAttempt,
} from "./gen/flyteidl2/workflow/run_definition_pb.js";
import { encodeActionId } from "./identifiers.ts";
import { encodeCacheStatus, encodePhase } from "./phase.ts";
import { encodeTime } from "./time.ts";

/** `hasLog`: whether its task writes one. */
export function encodeAttempt(attempt: AttemptRecord, isLast: boolean, hasLog = true): ActionAttempt {
  const last = attempt.transitions.at(-1);
  return create(ActionAttemptSchema, {
    attempt: attempt.attempt,
    phase: encodePhase(attemptPhase(attempt, isLast)),
    startTime: encodeTime(attempt.createdAt),
    ...(attempt.endedAt === undefined ? {} : { endTime: encodeTime(attempt.endedAt) }),
    ...(attempt.error === undefined ? {} : { errorInfo: encodeErrorInfo(attempt.error) }),
    // The log exists from the moment the attempt is supervised.
    logsAvailable: hasLog && (attempt.image !== undefined || last !== undefined),
    outputs: create(OutputReferencesSchema, {
      outputUri: attempt.outputUri ?? "",
      reportUri: attempt.outputUri === undefined ? "" : `${attempt.outputUri}/report.html`,
    }),
    phaseTransitions: attempt.transitions.map((change, index) => {
      const next = attempt.transitions[index + 1];
      return create(PhaseTransitionSchema, {
        phase: encodePhase(change.phase),
        startTime: encodeTime(change.at),
        ...(next === undefined ? {} : { endTime: encodeTime(next.at) }),
      });
    }),
    clusterEvents: clusterEvents(attempt),
  });
}

/** A result that was computed elsewhere is shown as an attempt that names the action it is from. */
export function encodeTakenOver({ state }: ActionRecord, source: ResultSource): ActionAttempt {
  return create(ActionAttemptSchema, {
    attempt: 1,
    phase: encodePhase(state.phase),
    startTime: encodeTime(state.createdAt),
    endTime: encodeTime(state.endedAt ?? state.createdAt),
    outputs: create(OutputReferencesSchema, { outputUri: state.outputUri ?? "" }),
    cacheStatus: encodeCacheStatus(state.cacheStatus),
    cacheMetadata: { sourceActionAttempt: { actionId: encodeActionId(source), attempt: source.attempt } },
  });
}

/** An attempt that another one followed has failed, whatever the action went on to. */
function attemptPhase(attempt: AttemptRecord, isLast: boolean): Phase {
  if (attempt.outcome !== undefined) return phaseOfOutcome(attempt.outcome);
  if (!isLast) return "failed";
  return attempt.transitions.at(-1)?.phase ?? "initializing";
}

/** What happened around the attempt, for people: why it waited, and which image it ran. */
function clusterEvents(attempt: AttemptRecord) {
  const reasons = attempt.transitions
    .filter((change) => change.reason !== undefined)
    .map((change) => event(change.at, "Progress", change.reason ?? ""));
  const { image, start, createdAt, startedAt = createdAt } = attempt;
  if (start?.warm) reasons.push(event(startedAt, "WarmStart", describeWarmStart(start.warm)));
  if (start?.cold !== undefined) reasons.push(event(startedAt, "ColdStart", start.cold));
  if (image === undefined) return reasons;
  return [event(createdAt, "ImagePinned", pinText(image)), ...reasons];
}

function pinText(image: ResolvedImage): string {
  const pin = pinOf(image);
  const note = image.note ? ` (${image.note})` : "";
  if (pin === undefined) return `${image.reference} is not used${note}`;
  return `${image.reference} is pinned to ${pin.kind} ${pin.value}, from the ${image.source}${note}`;
}

function event(at: number, reason: string, message: string) {
  return create(ClusterEventSchema, {
    occurredAt: encodeTime(at),
    reason,
    message,
    type: ClusterEvent_Type.NORMAL,
    count: 1,
  });
}
