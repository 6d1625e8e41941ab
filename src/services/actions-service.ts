/**
 * flyteidl2.actions.ActionsService: what a task container calls to run its children
 * (seen with flyte 2.12.1).
 */
import { Code, ConnectError, type ConnectRouter, type ServiceImpl } from "@connectrpc/connect";
import { toBinary } from "@bufbuild/protobuf";
import { NO_RETRIES } from "../domain/action.ts";
import { newConditionState, newTaskState, newTraceState, type TraceEnd } from "../domain/initial-state.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { actionKeyText, type ActionKey } from "../domain/ids.ts";
import type { ActionRecord, NewAction } from "../domain/action-record.ts";
import type { Principal } from "../domain/principal.ts";
import type { RunRecord, RunSettings } from "../domain/run.ts";
import { isSleepTask } from "../domain/sleep.ts";
import type { Effect } from "../domain/transition.ts";
import { incomplete } from "../wire/incomplete.ts";
import {
  ActionsService,
  EnqueueRequestSchema,
  type Action,
} from "../wire/gen/flyteidl2/actions/actions_service_pb.js";
import {
  ConditionActionSchema,
  TraceActionSchema,
  type ConditionAction,
  type TraceAction,
} from "../wire/gen/flyteidl2/workflow/run_definition_pb.js";
import { requireAnswerable } from "../wire/condition.ts";
import { decodeActionId } from "../wire/identifiers.ts";
import { decodePhase } from "../wire/phase.ts";
import { requireStartable } from "../wire/program-start.ts";
import { requireSendable } from "../wire/sendable.ts";
import { requireShortName } from "../wire/short-texts.ts";
import { requireSupported } from "../wire/support.ts";
import { cacheUseOf, decodeTaskSpec } from "../wire/task-spec.ts";
import { decodeLimit, decodeMoment } from "../wire/time.ts";
import type { ServiceContext } from "./context.ts";
import { deliver } from "./direct-stream.ts";
import { requireInlineInputs } from "./inputs.ts";
import { requireOwnUris } from "./own-uris.ts";
import { principalOf } from "./principal.ts";
import { withSleep } from "./sleep-inputs.ts";
import { signalPath } from "./signal-page.ts";
import { enqueueFromRecord, runOfRecord, watchRecord } from "./recorded-calls.ts";
import { watchChildren } from "./watches.ts";

type Needs = Pick<
  ServiceContext,
  | "access"
  | "orchestrator"
  | "store"
  | "feed"
  | "rights"
  | "reproductions"
  | "largeObjects"
  | "objects"
  | "bucket"
  | "clock"
  | "publicUrl"
  | "imageCheck"
>;

export function registerActionsService(router: ConnectRouter, context: Needs): void {
  const { access, orchestrator, imageCheck, clock } = context;

  const service: Partial<ServiceImpl<typeof ActionsService>> = {
    enqueue: async (request, handler) => {
      requireSupported(EnqueueRequestSchema, request);
      const { action } = request;
      if (action === undefined) throw incomplete("an action");
      const key = decodeActionId(action.actionId);
      const by = principalOf(handler);
      const parent = action.parentActionName ?? "";
      const { identity } = by;
      const isRecord = identity.kind === "reproduction";
      const run = await (isRecord
        ? runOfRecord(context, by, identity, key, parent)
        : access.child(by, key, parent));
      const decoded = decodeAction(action, key, run.settings, context.publicUrl, clock.now());
      if (isRecord) {
        await enqueueFromRecord(context, identity, key, decoded);
        return {};
      }
      await requireOwnUris(context, run, decoded);
      if (decoded.kind === "task") requireInlineInputs(context, decoded);
      const { notes, whenRead } = await imageCheck.ofChild(run, decoded);
      await orchestrator.noteRun(run, notes);
      whenRead((late) => orchestrator.noteRun(run, late));
      const created = await enqueue(context, run, decoded, by);
      // The SDK takes this for "fine": it enqueues again after a lost answer or a restart.
      if (created === "exists")
        throw new ConnectError(`action ${key.action} exists already`, Code.AlreadyExists);
      return {};
    },

    watchForUpdates: async function* ({ filter }, handler) {
      if (filter.case !== "parentActionId") throw incomplete("the parent of the actions to watch");
      const by = principalOf(handler);
      const parent = await access.action(by, "read", decodeActionId(filter.value));
      const run = await access.run(by, "read", parent.key);
      const { identity } = by;
      const isOwn =
        identity.kind === "reproduction" && actionKeyText(identity.of) === actionKeyText(parent.key);
      const updates = isOwn
        ? watchRecord(context, identity, run, handler.signal)
        : watchChildren(context, run, parent.key.action, handler.signal);
      yield* deliver(updates, handler);
    },

    abort: async ({ actionId, reason }, handler) => {
      const by = principalOf(handler);
      const { key } = await access.action(by, "change", decodeActionId(actionId));
      await orchestrator.abort(key, reason || "aborted by its parent", by);
      return {};
    },
  };
  router.service(ActionsService, service);
}

/** A sleep that is there is found before its input is read, which may be damaged or gone by now. */
async function enqueue(
  context: Needs,
  run: RunRecord,
  action: NewAction,
  by: Principal,
): Promise<ActionRecord | "exists"> {
  const isSleep = action.spec !== undefined && isSleepTask(action.spec.definition);
  if (isSleep && (await context.store.getAction({ ...run.key, action: action.name }))) return "exists";
  return await context.orchestrator.enqueue(run, await withSleep(context, action), by);
}

function decodeAction(
  action: Action,
  key: ActionKey,
  settings: RunSettings,
  publicUrl: () => string,
  now: number,
): NewAction {
  const common = {
    name: key.action,
    parent: action.parentActionName ?? "",
    group: requireShortName(action.group, "the name of the group"),
    inputUri: action.inputUri,
  };
  switch (action.spec.case) {
    case "task": {
      if (action.spec.value.spec === undefined)
        throw incomplete(`the specification of task action ${key.action}`);
      const spec = decodeTaskSpec(action.spec.value.spec);
      const { definition } = spec;
      requireStartable(definition, settings.env);
      const cache = cacheUseOf(definition, settings, action.spec.value.cacheKey);
      return {
        ...common,
        kind: "task",
        queue: action.spec.value.queue || settings.queue,
        spec,
        displayName: definition.shortName || definition.name,
        policy: definition.policy,
        cache,
        state: newTaskState(now, cache),
        grants: definition.reads,
      };
    }
    case "trace":
      return {
        ...common,
        kind: "trace",
        detail: toBinary(TraceActionSchema, action.spec.value),
        displayName: action.spec.value.name,
        policy: NO_RETRIES,
        state: newTraceState(decodeTraceEnd(action.spec.value), now),
        grants: [],
      };
    case "condition": {
      requireAnswerable(action.spec.value);
      const timeoutMs = decodeLimit(
        action.spec.value.timeout,
        `the timeout of condition ${action.spec.value.name}`,
      );
      return {
        ...common,
        kind: "condition",
        detail: toBinary(ConditionActionSchema, action.spec.value),
        displayName: action.spec.value.name,
        policy: timeoutMs === undefined ? NO_RETRIES : { ...NO_RETRIES, deadlineMs: timeoutMs },
        state: newConditionState(now),
        effects: webhookOf(action.spec.value, key, publicUrl),
        grants: [],
      };
    }
    default:
      throw incomplete(`what action ${common.name} is: a task, a trace or a condition`);
  }
}

/** Sent once the condition waits. `{callback_uri}` in it stands for where to answer (flyte/_condition.py). */
function webhookOf({ name, webhook }: ConditionAction, key: ActionKey, publicUrl: () => string): Effect[] {
  if (webhook === undefined || webhook.url === "") return [];
  const callback = `${publicUrl()}${signalPath(key)}`;
  const body = JSON.stringify(webhook.payload ?? {}).replaceAll(
    "{callback_uri}",
    JSON.stringify(callback).slice(1, -1),
  );
  const headers = { "content-type": "application/json" };
  const request = { method: "POST", url: webhook.url, headers, body };
  requireSendable(request, `the webhook of condition ${name}`);
  return [{ type: "sendWebhook", request }];
}

/** The outputs' URI stays as it was sent. Throws INVALID_ARGUMENT for a trace that has not ended. */
function decodeTraceEnd({ name, phase: sent, startTime, endTime, outputs }: TraceAction): TraceEnd {
  const phase = decodePhase(sent);
  if (phase !== "succeeded" && phase !== "failed")
    throw new BoxkiteError("INVALID_ARGUMENT", `trace ${name} is neither succeeded nor failed`, {
      hint: "report a trace when it has ended",
    });
  return {
    name,
    phase,
    startedAt: startTime && decodeMoment(startTime, `the start of trace ${name}`),
    endedAt: endTime && decodeMoment(endTime, `the end of trace ${name}`),
    outputUri: outputs?.outputUri ?? "",
  };
}
