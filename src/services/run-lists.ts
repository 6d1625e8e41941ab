/** RunService's lists: of runs, and of the actions of one. */
import type { ServiceImpl } from "@connectrpc/connect";
import { encodeAction, encodeRun } from "../wire/details.ts";
import type { RunService } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { decodeRunId } from "../wire/identifiers.ts";
import { decodeListRequest } from "../wire/list-request.ts";
import type { ServiceContext } from "./context.ts";
import { principalOf } from "./principal.ts";
import { readableScope } from "./run-scope.ts";

export type ListContext = Pick<ServiceContext, "access" | "store">;
type Methods = Pick<ServiceImpl<typeof RunService>, "listRuns" | "listActions">;

export function listMethods({ access, store }: ListContext): Methods {
  return {
    listRuns: async (request, handler) => {
      const scope = await readableScope(access, principalOf(handler), request.scopeBy);
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
