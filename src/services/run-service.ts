/** flyteidl2.workflow.RunService. */
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import { create, toBinary } from "@bufbuild/protobuf";
import { ROOT_ACTION, newRunName, type ProjectKey, type RunKey } from "../domain/ids.ts";
import { newTaskState } from "../domain/initial-state.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
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
import { decodeMoment } from "../wire/time.ts";
import type { ServiceContext } from "./context.ts";
import { tell } from "./direct-stream.ts";
import { emptyInputs, readInputs, storeInputs } from "./inputs.ts";
import { keyOfUri } from "./object-keys.ts";
import { seedsFrom } from "./recover.ts";
import { detailSources } from "./detail-sources.ts";
import { principalOf } from "./principal.ts";
import { watchActionDetails, watchRunDetails } from "./watches.ts";

type Needs = Pick<
  ServiceContext,
  "access" | "orchestrator" | "store" | "feed" | "objects" | "rights" | "bucket" | "clock"
>;

export function registerRunService(router: ConnectRouter, context: Needs): void {
  const { access, store, orchestrator, clock } = context;

  const service: Partial<ServiceImpl<typeof RunService>> = {
    createRun: async (request, handler) => {
      requireSupported(CreateRunRequestSchema, request);
      const by = principalOf(handler);
      const key = runKeyOf(request);
      await access.place(by, key);
      const spec = await specOf(context, by, request);
      const { uri, hash, grants } = await inputsOf(
        context,
        request,
        key,
        spec.definition.cache?.ignoredInputs ?? [],
      );
      const settings = decodeRunSpec(request.runSpec, key);
      if (settings.rawDataPrefix !== undefined) keyOfUri(`${settings.rawDataPrefix}/`, context.bucket);
      const cache = cacheUseOf(spec.definition, settings, rootCacheKey(spec.definition, hash));
      if (settings.recover) await access.run(by, "read", { ...key, run: settings.recover.run });
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
          createdAt: startTime === undefined ? now : decodeMoment(startTime, "run_start_time"),
          createdBy: by,
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

    abortRun: async ({ runId, reason }, handler) => {
      const by = principalOf(handler);
      const { key } = await access.run(by, "change", decodeRunId(runId));
      await orchestrator.abort({ ...key, action: ROOT_ACTION }, reason || "aborted by a client", by);
      return {};
    },
    abortAction: async ({ actionId, reason }, handler) => {
      const by = principalOf(handler);
      const { key } = await access.action(by, "change", decodeActionId(actionId));
      await orchestrator.abort(key, reason || "aborted by a client", by);
      return {};
    },

    signalEvent: async ({ actionId, payload }, handler) => {
      const by = principalOf(handler);
      const condition = await access.action(by, "change", decodeActionId(actionId));
      await orchestrator.signal(condition.key, decodeSignal(condition, payload), by);
      return {};
    },

    getRunDetails: async ({ runId }, handler) => {
      const key = { ...decodeRunId(runId), action: ROOT_ACTION };
      const root = await access.action(principalOf(handler), "read", key);
      return { details: encodeRunDetails(await detailSources(store, root)) };
    },
    getActionDetails: async ({ actionId }, handler) => {
      const record = await access.action(principalOf(handler), "read", decodeActionId(actionId));
      return { details: encodeActionDetails(await detailSources(store, record)) };
    },
    getActionDataURIs: async ({ actionId }, handler) => {
      const record = await access.action(principalOf(handler), "read", decodeActionId(actionId));
      return { inputsUri: record.inputUri, outputsUri: record.state.outputUri ?? "" };
    },

    watchActionDetails: async function* ({ actionId }, handler) {
      const { key } = await access.action(principalOf(handler), "read", decodeActionId(actionId));
      yield* tell(watchActionDetails(context, key, handler.signal), handler);
    },
    watchRunDetails: async function* ({ runId }, handler) {
      const run = await access.run(principalOf(handler), "read", decodeRunId(runId));
      const key = { ...run.key, action: ROOT_ACTION };
      yield* tell(watchRunDetails(context, key, handler.signal), handler);
    },

    listRuns: async (request, handler) => {
      const scope = scopeOf(request.scopeBy);
      const by = principalOf(handler);
      if (scope.project !== undefined) await access.project(by, "read", scope.project);
      else await access.authorise(by, "read", { kind: "project", project: undefined });
      const { items, token } = await store.listRuns(
        { ...scope, withPausedAction: request.pausedActionsOnly },
        decodeListRequest(request.request),
      );
      return { runs: items.map(encodeRun), token };
    },
    listActions: async (request, handler) => {
      const run = await access.run(principalOf(handler), "read", decodeRunId(request.runId));
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

async function specOf({ access }: Needs, by: Principal, { task }: CreateRunRequest): Promise<StoredSpec> {
  switch (task.case) {
    case "taskSpec":
      return decodeTaskSpec(task.value);
    case "taskId":
      return (await access.task(by, decodeTaskId(task.value))).spec;
    default:
      throw new BoxkiteError("INVALID_ARGUMENT", "neither task_spec nor task_id is set");
  }
}

/** Where the inputs are, and what they point at: the run may read both. */
async function inputsOf(
  context: Needs,
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
