/** Which runs a list or a watch is about, and whether the caller may read them. */
import type { ServiceImpl } from "@connectrpc/connect";
import { BoxkiteError } from "../domain/errors.ts";
import type { RunScope } from "../domain/list.ts";
import type { Principal } from "../domain/principal.ts";
import type { RunService } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { decodeProjectId } from "../wire/identifiers.ts";
import type { Access } from "./access.ts";

type Service = ServiceImpl<typeof RunService>;
type RequestedScope =
  | Parameters<Service["listRuns"]>[0]["scopeBy"]
  | Parameters<Service["watchRuns"]>[0]["target"];

/** Without a scope: all projects. Throws PROJECT_NOT_FOUND, INVALID_ARGUMENT or FIELD_NOT_SUPPORTED. */
export async function readableScope(
  access: Access,
  by: Principal,
  requested: RequestedScope,
): Promise<RunScope> {
  const scope = decodeScope(requested);
  await access.list(by, "runs", scope);
  return scope;
}

function decodeScope(scope: RequestedScope): RunScope {
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
        "runs cannot be listed by trigger: this server has no triggers yet",
        { hint: "list the runs of a project or of a task" },
      );
    case "clusterId":
      throw new BoxkiteError(
        "FIELD_NOT_SUPPORTED",
        "runs cannot be watched by cluster: this server has no clusters",
        { hint: "name a project or a task; with neither, all runs are watched" },
      );
    // The organisation is ignored (domain/ids.ts).
    case "org":
    case undefined:
      return {};
  }
}
