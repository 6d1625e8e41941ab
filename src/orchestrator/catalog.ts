/** Projects, and the tasks deployed in them. Nothing else writes either. */
import type { TaskKey } from "../domain/ids.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import type { ProjectRecord } from "../domain/project.ts";
import type { StoredSpec } from "../domain/task.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";

export interface Catalog {
  /** Throws PROJECT_EXISTS. */
  createProject(project: Omit<ProjectRecord, "createdAt">, by: Principal): Promise<void>;
  updateProject(project: ProjectRecord, by: Principal): Promise<void>;
  /** Throws TASK_EXISTS: a version does not change. */
  deployTask(key: TaskKey, spec: StoredSpec, by: Principal): Promise<void>;
}

export interface CatalogOptions {
  readonly store: Pick<Store, "createProject" | "updateProject" | "deployTask">;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createCatalog({ store, clock, log }: CatalogOptions): Catalog {
  return {
    createProject: async (project, by) => {
      if ((await store.createProject({ ...project, createdAt: clock.now() })) === "exists")
        throw new BoxkiteError("PROJECT_EXISTS", `project ${project.id} exists already`);
      log.info("created a project", { project: project.id, by: by.who });
    },
    updateProject: async (project, by) => {
      await store.updateProject(project);
      log.info("changed a project", { project: project.id, by: by.who });
    },
    deployTask: async (key, spec, by) => {
      if ((await store.deployTask(key, spec, clock.now(), by)) === "exists")
        throw new BoxkiteError("TASK_EXISTS", `task ${key.name} version ${key.version} is deployed already`);
      log.info("deployed a task", { task: key.name, version: key.version, by: by.who });
    },
  };
}
