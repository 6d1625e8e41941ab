/** flyteidl2.task.TaskService: deployed tasks. */
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import type { ProjectKey } from "../domain/ids.ts";
import { NO_SETTINGS } from "../domain/run.ts";
import type { ListFilter } from "../domain/list.ts";
import { incomplete } from "../wire/incomplete.ts";
import { TaskService, type ListTasksRequest } from "../wire/gen/flyteidl2/task/task_service_pb.js";
import { decodeProjectId, decodeTaskId } from "../wire/identifiers.ts";
import { decodeListRequest } from "../wire/list-request.ts";
import { NO_TRIGGERS, refused } from "../wire/refusals.ts";
import { encodeTask, encodeTaskDetails } from "../wire/task-details.ts";
import { decodeTaskSpec } from "../wire/task-spec.ts";
import { encodeTime } from "../wire/time.ts";
import type { ServiceContext } from "./context.ts";
import { authoriseCode } from "./object-keys.ts";
import { principalOf } from "./principal.ts";
import { reportingRefusals } from "./unused-images.ts";

type Needs = Pick<
  ServiceContext,
  "access" | "store" | "catalog" | "orchestrator" | "bucket" | "unusedImages" | "imageCheck"
>;

export function registerTaskService(router: ConnectRouter, context: Needs): void {
  const { access, store, catalog, orchestrator, unusedImages, imageCheck } = context;
  const service: Partial<ServiceImpl<typeof TaskService>> = {
    deployTask: reportingRefusals(unusedImages, async (request, handler) => {
      const by = principalOf(handler);
      const key = decodeTaskId(request.taskId);
      if (key.version === "") throw incomplete("a version of the task");
      if (request.triggers.length > 0) {
        const names = request.triggers.map((trigger) => trigger.name).join(", ");
        throw refused(`task ${key.name} (${names})`, NO_TRIGGERS);
      }
      if (request.spec === undefined) throw incomplete("the specification of the task");
      await access.place(by, key);
      await access.authorise(by, "create", { kind: "task", key });
      const spec = decodeTaskSpec(request.spec);
      orchestrator.requireRunnable(spec.definition);
      // Whoever runs the task later may read its code.
      await authoriseCode(context, by, key, spec.definition.reads);
      const authority = await access.authorityOf(by);
      await imageCheck.ofTask(
        { key: { ...key, run: "" }, authority, settings: NO_SETTINGS },
        spec.definition,
      );
      await catalog.deployTask(key, spec, by);
      return {};
    }),
    getTaskDetails: async ({ taskId }, handler) => {
      const { record, spec } = await access.task(principalOf(handler), decodeTaskId(taskId));
      return { details: encodeTaskDetails(record, spec) };
    },
    listTasks: async (request, handler) => {
      const by = principalOf(handler);
      const scope: Partial<ProjectKey> =
        request.scopeBy.case === "projectId" ? decodeProjectId(request.scopeBy.value) : {};
      await access.list(by, "tasks", scope);
      const { where, ...known } = knownFilter(request.knownFilters);
      const query = decodeListRequest(request.request);
      const { items, token } = await store.listTasks(
        { ...scope, ...known },
        { ...query, where: [...query.where, ...where] },
      );
      return { tasks: items.map(encodeTask), token };
    },
    listVersions: async ({ request, taskName }, handler) => {
      if (taskName === undefined) throw incomplete("a task");
      const key = { ...taskName, version: "" };
      await access.authorise(principalOf(handler), "read", { kind: "task", key });
      const { items, token } = await store.listTaskVersions(taskName, decodeListRequest(request));
      return {
        versions: items.map((record) => ({
          version: record.key.version,
          deployedAt: encodeTime(record.deployedAt),
        })),
        token,
      };
    },
  };
  router.service(TaskService, service);
}

/** Filters that have a field of their own in the request. */
function knownFilter(filters: ListTasksRequest["knownFilters"]): {
  readonly isEntrypoint?: boolean;
  readonly where: readonly ListFilter[];
} {
  const where: ListFilter[] = [];
  let isEntrypoint: boolean | undefined;
  for (const { filterBy } of filters) {
    if (filterBy.case === "isEntrypoint") isEntrypoint = filterBy.value;
    if (filterBy.case === "deployedBy")
      where.push({ field: "deployed_by", comparison: "=", values: [filterBy.value] });
  }
  return { ...(isEntrypoint !== undefined && { isEntrypoint }), where };
}
