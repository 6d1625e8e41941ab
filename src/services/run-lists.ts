/** RunService's lists: of runs, and of the actions of one. */
import type { ServiceImpl } from "@connectrpc/connect";
import type { ListFilter } from "../domain/list.ts";
import type { Phase } from "../domain/phase.ts";
import { isRunStatus, phasesOfStatus, type RunStatus } from "../domain/run-status.ts";
import { encodeAction, encodeRun } from "../wire/details.ts";
import type { RunService } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { decodeRunId } from "../wire/identifiers.ts";
import { decodeListRequest } from "../wire/list-request.ts";
import type { ServiceContext } from "./context.ts";
import { principalOf } from "./principal.ts";
import { readableScope } from "./run-scope.ts";

const PAUSED: ListFilter = { field: "status", comparison: "=", values: ["paused" satisfies RunStatus] };

/**
 * A phase that is a status stands for all phases that are part of it, so that "queued" lists what the pages call
 * queued; another one, such as "initializing", stands for itself. Statuses alone are read by an index.
 */
function ofStatus(filter: ListFilter): ListFilter {
  if (filter.field !== "phase") return filter;
  const phases = filter.values as readonly Phase[];
  if (phases.every(isRunStatus)) return { ...filter, field: "status" };
  const isNegative = filter.comparison === "!=" || filter.comparison === "notin";
  const values = phases.flatMap((phase) => (isRunStatus(phase) ? phasesOfStatus(phase) : [phase]));
  return { field: "phase", comparison: isNegative ? "notin" : "in", values };
}

export type ListContext = Pick<ServiceContext, "access" | "store">;
type Methods = Pick<ServiceImpl<typeof RunService>, "listRuns" | "listActions">;

export function listMethods({ access, store }: ListContext): Methods {
  return {
    listRuns: async (request, handler) => {
      const scope = await readableScope(access, principalOf(handler), request.scopeBy);
      const query = decodeListRequest(request.request);
      const where = [...query.where.map(ofStatus), ...(request.pausedActionsOnly ? [PAUSED] : [])];
      const { items, token } = await store.listRuns(scope, { ...query, where });
      return { runs: items.map(encodeRun), token };
    },
    listActions: async (request, handler) => {
      const run = await access.run(principalOf(handler), "read", decodeRunId(request.runId));
      const { items, token } = await store.listActions(run.key, decodeListRequest(request.request));
      return { actions: items.map((record) => encodeAction(record, run)), token };
    },
  };
}
