/** flyteidl2.project.ProjectService. */
import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import { create } from "@bufbuild/protobuf";
import { BoxkiteError } from "../domain/errors.ts";
import { checkProjectName, DOMAINS } from "../domain/ids.ts";
import type { ProjectRecord } from "../domain/project.ts";
import {
  ProjectSchema,
  ProjectService,
  ProjectState,
  type Project,
} from "../wire/gen/flyteidl2/project/project_service_pb.js";
import { decodeSort } from "../wire/list-request.ts";
import { decodeTextFilters } from "../wire/text-filters.ts";
import type { ServiceContext } from "./context.ts";
import { requireKnownProject } from "./records.ts";

const MAX_PROJECTS = 1_000;

export function registerProjectService(router: ConnectRouter, { store, clock }: ServiceContext): void {
  const service: Partial<ServiceImpl<typeof ProjectService>> = {
    createProject: async ({ project }) => {
      const record = decode(project, clock.now());
      if ((await store.createProject(record)) === "exists") {
        throw new BoxkiteError("PROJECT_EXISTS", `project ${record.id} exists already`);
      }
      return {};
    },
    updateProject: async ({ project }) => {
      // Clients send the whole project back with what they changed (seen with flyte 2.12.1).
      const known = await requireKnownProject(store, project?.id ?? "");
      await store.updateProject(decode(project, known.createdAt));
      return {};
    },
    getProject: async ({ id }) => ({ project: encode(await requireKnownProject(store, id)) }),
    listProjects: async ({ filters, limit, token, sortBy }) => {
      const page = {
        limit: limit || MAX_PROJECTS,
        token,
        where: decodeTextFilters(filters),
        ...decodeSort(sortBy),
      };
      const { items, token: next } = await store.listProjects(page);
      return { projects: { projects: items.map(encode), token: next } };
    },
  };
  router.service(ProjectService, service);
}

function decode(project: Project | undefined, createdAt: number): ProjectRecord {
  if (project === undefined) throw new BoxkiteError("INVALID_ARGUMENT", "project is not set");
  return {
    id: checkProjectName(project.id, "project id"),
    name: project.name || project.id,
    description: project.description,
    labels: project.labels?.values ?? {},
    state: project.state === ProjectState.ARCHIVED ? "archived" : "active",
    createdAt,
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
