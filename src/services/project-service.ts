/** flyteidl2.project.ProjectService. */
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import { create } from "@bufbuild/protobuf";
import { checkProjectName, DOMAINS } from "../domain/ids.ts";
import type { ListFilter } from "../domain/list.ts";
import type { ProjectRecord } from "../domain/project.ts";
import { incomplete } from "../wire/incomplete.ts";
import {
  ProjectSchema,
  ProjectService,
  ProjectState,
  type Project,
} from "../wire/gen/flyteidl2/project/project_service_pb.js";
import { decodeSort } from "../wire/list-request.ts";
import { decodeTextFilters } from "../wire/text-filters.ts";
import { visibleProjects } from "./authorise/token.ts";
import type { ServiceContext } from "./context.ts";
import { principalOf } from "./principal.ts";

const MAX_PROJECTS = 1_000;

type Needs = Pick<ServiceContext, "access" | "tokens" | "store" | "catalog">;

export function registerProjectService(
  router: ConnectRouter,
  { access, tokens, store, catalog }: Needs,
): void {
  const service: Partial<ServiceImpl<typeof ProjectService>> = {
    createProject: async ({ project }, handler) => {
      const by = principalOf(handler);
      const decoded = decode(project);
      await access.authorise(by, "create", { kind: "project", project: decoded.id });
      await catalog.createProject(decoded, by);
      return {};
    },
    updateProject: async ({ project }, handler) => {
      const by = principalOf(handler);
      // Clients send the whole project back with what they changed (seen with flyte 2.12.1).
      const { createdAt } = await access.project(by, "change", project?.id ?? "");
      await catalog.updateProject({ ...decode(project), createdAt }, by);
      return {};
    },
    getProject: async ({ id }, handler) => ({
      project: encode(await access.project(principalOf(handler), "read", id)),
    }),
    listProjects: async ({ filters, limit, token, sortBy }, handler) => {
      const by = principalOf(handler);
      await access.authorise(by, "read", { kind: "project", project: undefined });
      const page = {
        limit: limit || MAX_PROJECTS,
        token,
        where: [...decodeTextFilters(filters), ...only(await visibleProjects(tokens, by))],
        ...decodeSort(sortBy),
      };
      const { items, token: next } = await store.listProjects(page);
      return { projects: { projects: items.map(encode), token: next } };
    },
  };
  router.service(ProjectService, service);
}

/** Of the projects that the caller sees: undefined for all. */
export function only(projects: readonly string[] | undefined): ListFilter[] {
  return projects === undefined ? [] : [{ field: "id", comparison: "in", values: projects }];
}

function decode(project: Project | undefined): Omit<ProjectRecord, "createdAt"> {
  if (project === undefined) throw incomplete("a project");
  return {
    id: checkProjectName(project.id, "project id"),
    name: project.name || project.id,
    description: project.description,
    labels: project.labels?.values ?? {},
    state: project.state === ProjectState.ARCHIVED ? "archived" : "active",
  };
}

function encode(record: ProjectRecord): Project {
  return create(ProjectSchema, {
    id: record.id,
    name: record.name,
    description: record.description,
    labels: { values: record.labels },
    state: record.state === "archived" ? ProjectState.ARCHIVED : ProjectState.ACTIVE,
    domains: DOMAINS.map((id) => ({ id, name: id })),
  });
}
