/** flyteidl2.workflow.RunService. */
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import { create, toBinary } from "@bufbuild/protobuf";
import { ROOT_ACTION, newRunName, type ProjectKey, type RunKey } from "../domain/ids.ts";
import { LOCAL } from "../domain/principal.ts";
import { newTaskState } from "../domain/initial-state.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { runBaseUri } from "../orchestrator/paths.ts";
import type { RunScope } from "../domain/list.ts";
import type { StoredSpec } from "../domain/task.ts";
import { encodeAction, encodeActionDetails, encodeRun, encodeRunDetails } from "../wire/details.ts";
import { RunSpecSchema } from "../wire/gen/flyteidl2/task/run_pb.js";
import {
  CreateRunRequestSchema,
  RunService,
  type CreateRunRequest,
} from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { decodeActionId, decodeProjectId, decodeRunId, decodeTaskId } from "../wire/identifiers.ts";
import { decodeListRequest } from "../wire/list-request.ts";
import { hashInputs } from "../wire/literals/hash.ts";
import { objectUrisIn } from "../wire/literals.ts";
import { decodeSource } from "../wire/phase.ts";
import { requireSupported } from "../wire/support.ts";
import { decodeSignal } from "../wire/condition.ts";
import { cacheUseOf, decodeRunSpec, decodeTaskSpec, rootCacheKey } from "../wire/task-spec.ts";
import { decodeTime } from "../wire/time.ts";
import type { ServiceContext } from "./context.ts";
import { tell } from "./direct-stream.ts";
import { emptyInputs, readInputs, storeInputs } from "./inputs.ts";
import { keyOfUri } from "./object-keys.ts";
import { seedsFrom } from "./recover.ts";
import { requireAction, requireRun } from "../store/require.ts";
import { detailSources, requireKnownProject, requireProject, requireTask } from "./records.ts";
import { watchActionDetails, watchRunDetails } from "./watches.ts";

export function registerRunService(router: ConnectRouter, context: ServiceContext): void {
  const { store, orchestrator, clock } = context;

  const service: Partial<ServiceImpl<typeof RunService>> = {
    createRun: async (request) => {
      requireSupported(CreateRunRequestSchema, request);
      const key = runKeyOf(request);
      await requireProject(store, key);
      const spec = await specOf(context, request);
      const { uri, hash, grants } = await inputsOf(
        context,
        request,
        key,
        spec.definition.cache?.ignoredInputs ?? [],
      );
      const settings = decodeRunSpec(request.runSpec);
      if (settings.rawDataPrefix !== undefined) keyOfUri(`${settings.rawDataPrefix}/`, context.bucket);
      const cache = cacheUseOf(spec.definition, settings, rootCacheKey(spec.definition, hash));
      const seeds = settings.recover ? await seedsFrom(context, key, settings.recover) : [];
      const now = clock.now();
      const startTime = request.runStartTime ?? request.runSpec?.runStartTime;
      const { run, root } = await orchestrator.createRun(
        {
          key,
          spec: toBinary(RunSpecSchema, request.runSpec ?? create(RunSpecSchema)),
          settings,
          baseUri: runBaseUri(context.bucket, key),
          source: decodeSource(request.source),
          createdAt: startTime === undefined ? now : decodeTime(startTime),
          createdBy: LOCAL,
        },
        {
          name: ROOT_ACTION,
          kind: "task",
          group: "",
          queue: settings.queue,
          spec,
          displayName: spec.definition.shortName || spec.definition.name,
          inputUri: uri,
          policy: spec.definition.policy,
          cache,
          state: newTaskState(now, cache),
          grants: [uri, ...grants, ...spec.definition.reads],
        },
        seeds,
      );
      return { run: encodeRun({ run, root }) };
    },

    abortRun: async ({ runId, reason }) => {
      const key = decodeRunId(runId);
      await requireRun(store, key);
      await orchestrator.abort({ ...key, action: ROOT_ACTION }, reason || "aborted by a client", LOCAL);
      return {};
    },
    abortAction: async ({ actionId, reason }) => {
      await orchestrator.abort(decodeActionId(actionId), reason || "aborted by a client", LOCAL);
      return {};
    },

    signalEvent: async ({ actionId, payload }) => {
      const key = decodeActionId(actionId);
      const condition = await requireAction(store, key);
      await orchestrator.signal(key, decodeSignal(condition, payload), LOCAL);
      return {};
    },

    getRunDetails: async ({ runId }) => {
      const root = await requireAction(store, { ...decodeRunId(runId), action: ROOT_ACTION });
      return { details: encodeRunDetails(await detailSources(store, root)) };
    },
    getActionDetails: async ({ actionId }) => {
      const record = await requireAction(store, decodeActionId(actionId));
      return { details: encodeActionDetails(await detailSources(store, record)) };
    },
    getActionDataURIs: async ({ actionId }) => {
      const record = await requireAction(store, decodeActionId(actionId));
      return { inputsUri: record.inputUri, outputsUri: record.state.outputUri ?? "" };
    },

    watchActionDetails: async function* ({ actionId }, handler) {
      const key = decodeActionId(actionId);
      yield* tell(watchActionDetails(context, key, handler.signal), handler);
    },
    watchRunDetails: async function* ({ runId }, handler) {
      const key = { ...decodeRunId(runId), action: ROOT_ACTION };
      yield* tell(watchRunDetails(context, key, handler.signal), handler);
    },

    listRuns: async (request) => {
      const scope = scopeOf(request.scopeBy);
      if (scope.project !== undefined) await requireKnownProject(store, scope.project);
      const { items, token } = await store.listRuns(
        { ...scope, withPausedAction: request.pausedActionsOnly },
        decodeListRequest(request.request),
      );
      return { runs: items.map(encodeRun), token };
    },
    listActions: async (request) => {
      const run = await requireRun(store, decodeRunId(request.runId));
      const { items, token } = await store.listActions(run.key, decodeListRequest(request.request));
      return { actions: items.map((record) => encodeAction(record, run)), token };
    },
  };
  router.service(RunService, service);
}

function runKeyOf({ id }: CreateRunRequest): RunKey {
  switch (id.case) {
    case "runId":
      return decodeRunId({ ...id.value, name: id.value.name || newRunName() });
    case "projectId":
      return { ...decodeProjectId(id.value), run: newRunName() };
    default:
      throw new BoxkiteError("INVALID_ARGUMENT", "neither run_id nor project_id is set");
  }
}

async function specOf({ store }: ServiceContext, { task }: CreateRunRequest): Promise<StoredSpec> {
  switch (task.case) {
    case "taskSpec":
      return decodeTaskSpec(task.value);
    case "taskId":
      return (await requireTask(store, decodeTaskId(task.value))).spec;
    default:
      throw new BoxkiteError("INVALID_ARGUMENT", "neither task_spec nor task_id is set");
  }
}

/** Where the inputs are, and what they point at: the run may read both. */
async function inputsOf(
  context: ServiceContext,
  { inputWrapper }: CreateRunRequest,
  scope: ProjectKey,
  ignored: readonly string[],
): Promise<{ uri: string; hash: string; grants: string[] }> {
  if (inputWrapper.case === "offloadedInputData") {
    const { uri, inputsHash } = inputWrapper.value;
    const { literals } = await readInputs(context, uri);
    return { uri, hash: inputsHash || hashInputs(literals, ignored), grants: objectUrisIn(literals) };
  }
  const inputs = inputWrapper.case === "inputs" ? inputWrapper.value : emptyInputs();
  const { uri, inputsHash } = await storeInputs(context, scope, inputs, ignored);
  return { uri, hash: inputsHash, grants: objectUrisIn(inputs.literals) };
}

type ListScope = Parameters<ServiceImpl<typeof RunService>["listRuns"]>[0]["scopeBy"];

function scopeOf(scope: ListScope): RunScope {
  switch (scope.case) {
    case "projectId":
      return decodeProjectId(scope.value);
    case "taskName":
    case "taskId": {
      const { project, domain, name } = scope.value;
      const version = scope.case === "taskId" ? { taskVersion: scope.value.version } : {};
      return { project, domain, taskName: name, ...version };
    }
    case "triggerName":
      throw new BoxkiteError(
        "FIELD_NOT_SUPPORTED",
        "ListRunsRequest.trigger_name is set, and there are no triggers yet",
      );
    default:
      return {};
  }
}
