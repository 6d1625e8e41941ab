/** Lists the runs of a server, newest first. */
import { createControlPlane } from "../../client/control-plane.ts";
import { createTransport, type ConnectionOptions } from "../../client/transport.ts";
import type { ProjectKey } from "../../domain/ids.ts";
import type { Phase } from "../../domain/phase.ts";
import { Filter_Function } from "../../wire/gen/flyteidl2/common/list_pb.js";
import { ActionPhase } from "../../wire/gen/flyteidl2/common/phase_pb.js";
import type { Run } from "../../wire/gen/flyteidl2/workflow/run_definition_pb.js";
import { decodePhase } from "../../wire/phase.ts";
import { decodeTime } from "../../wire/time.ts";

export interface ListedRun extends ProjectKey {
  readonly run: string;
  readonly task: string;
  readonly phase: Phase | undefined;
  /** Milliseconds since the epoch; of a run that has not started, its creation. */
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
}

export interface RunFilter {
  /** The name of its root's task. */
  readonly task?: string;
  readonly isGreen?: boolean;
  /** Milliseconds since the epoch. */
  readonly createdBefore?: number;
  /** A reference as its task names it, or a digest or the beginning of one. */
  readonly image?: string;
}

export async function listRuns(
  connection: ConnectionOptions,
  scope: ProjectKey,
  filter: RunFilter,
  limit: number,
): Promise<ListedRun[]> {
  const { project, domain } = scope;
  const { runs } = createControlPlane(new URL(connection.baseUrl).origin, createTransport(connection));
  const { task } = filter;
  const { runs: found } = await runs.listRuns({
    scopeBy:
      task === undefined
        ? { case: "projectId", value: { name: project, domain } }
        : { case: "taskName", value: { project, domain, name: task } },
    request: { limit, filters: filtersOf(filter) },
  });
  return found.map((run) => listedRun(run, scope));
}

function filtersOf({ isGreen, createdBefore, image }: RunFilter) {
  const { EQUAL, LESS_THAN, EXISTS } = Filter_Function;
  return [
    ...(isGreen === true
      ? [{ field: "phase", function: EQUAL, values: [String(ActionPhase.SUCCEEDED)] }]
      : []),
    ...(createdBefore === undefined
      ? []
      : [{ field: "created_at", function: LESS_THAN, values: [new Date(createdBefore).toISOString()] }]),
    ...(image === undefined ? [] : [{ field: `image.${image}`, function: EXISTS, values: [] }]),
  ];
}

function listedRun({ action }: Run, { project, domain }: ProjectKey): ListedRun {
  const { id, metadata, status } = action ?? {};
  const { startTime, endTime } = status ?? {};
  return {
    project,
    domain,
    run: id?.run?.name ?? "",
    task: metadata?.spec.case === "task" ? (metadata.spec.value.id?.name ?? "") : "",
    phase: decodePhase(status?.phase ?? ActionPhase.UNSPECIFIED),
    startedAt: startTime && decodeTime(startTime),
    endedAt: endTime && decodeTime(endTime),
  };
}
