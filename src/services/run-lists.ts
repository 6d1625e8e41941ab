/** RunService's lists: of runs, and of the actions of one. */
import type { ServiceImpl } from "@connectrpc/connect";
import { BoxkiteError } from "../domain/errors.ts";
import type { RunScope } from "../domain/list.ts";
import { encodeAction, encodeRun } from "../wire/details.ts";
import type { RunService } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { decodeProjectId, decodeRunId } from "../wire/identifiers.ts";
import { decodeListRequest } from "../wire/list-request.ts";
import type { ServiceContext } from "./context.ts";
import { principalOf } from "./principal.ts";

export type ListContext = Pick<ServiceContext, "access" | "store">;
type Methods = Pick<ServiceImpl<typeof RunService>, "listRuns" | "listActions">;

export function listMethods({ access, store }: ListContext): Methods {
  return {
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
