/** flyteidl2.workflow.RunService. */
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import { ROOT_ACTION } from "../domain/ids.ts";
import { decodeSignal } from "../wire/condition.ts";
import { encodeActionDetails, encodeRunDetails } from "../wire/details.ts";
import { RunService } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { decodeActionId, decodeRunId } from "../wire/identifiers.ts";
import { requireAborted } from "./abort.ts";
import type { ServiceContext } from "./context.ts";
import { createRunMethod, type CreateRunContext } from "./create-run.ts";
import { detailSources } from "./detail-sources.ts";
import { deliver } from "./direct-stream.ts";
import { principalOf } from "./principal.ts";
import { listMethods, type ListContext } from "./run-lists.ts";
import { readableScope } from "./run-scope.ts";
import { reportingRefusals } from "./unused-images.ts";
import { watchRuns } from "./watch-runs.ts";
import { watchActionDetails, watchRunDetails } from "./watches.ts";

type Needs = Pick<ServiceContext, "access" | "orchestrator" | "store" | "feed" | "unusedImages"> &
  CreateRunContext &
  ListContext;

export function registerRunService(router: ConnectRouter, context: Needs): void {
  const { access, store, orchestrator } = context;

  const service: Partial<ServiceImpl<typeof RunService>> = {
    createRun: reportingRefusals(context.unusedImages, createRunMethod(context)),

    abortRun: async ({ runId, reason }, handler) => {
      const by = principalOf(handler);
      const { key } = await access.run(by, "change", decodeRunId(runId));
      const root = { ...key, action: ROOT_ACTION };
      requireAborted(await orchestrator.abort(root, reason || "aborted by a client", by));
      return {};
    },
    abortAction: async ({ actionId, reason }, handler) => {
      const by = principalOf(handler);
      const { key } = await access.action(by, "change", decodeActionId(actionId));
      requireAborted(await orchestrator.abort(key, reason || "aborted by a client", by));
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
      yield* deliver(watchActionDetails(context, key, handler.signal), handler);
    },
    watchRunDetails: async function* ({ runId }, handler) {
      const run = await access.run(principalOf(handler), "read", decodeRunId(runId));
      const key = { ...run.key, action: ROOT_ACTION };
      yield* deliver(watchRunDetails(context, key, handler.signal), handler);
    },
    watchRuns: async function* ({ target }, handler) {
      const scope = await readableScope(access, principalOf(handler), target);
      yield* deliver(watchRuns(context, scope, handler.signal), handler);
    },

    ...listMethods(context),
  };
  router.service(RunService, service);
}
