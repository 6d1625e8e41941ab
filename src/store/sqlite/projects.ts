/** Projects. */
import type { ProjectRecord } from "../../domain/project.ts";
import type { Store } from "../store.ts";
import type { Database } from "../../sqlite/database.ts";
import { readList, type ListShape } from "./lists.ts";
import { toProject } from "./rows.ts";

type ProjectStore = Pick<Store, "createProject" | "updateProject" | "getProject" | "listProjects">;

const SHAPE: ListShape = {
  columns: "projects.*",
  from: "projects",
  where: [],
  values: [],
  fields: { id: "id", name: "name", description: "description", state: "state", created_at: "created_at" },
  id: "projects.rowid",
  defaultSort: { field: "created_at", ascending: true },
};

export function projectStore(database: Database): ProjectStore {
  const columns = (project: ProjectRecord) =>
    [project.name, project.description, JSON.stringify(project.labels), project.state] as const;
  return {
    createProject: (project) =>
      database.write(() => {
        const { changes } = database.run(
          `INSERT INTO projects (name, description, labels, state, id, created_at) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT DO NOTHING`,
          ...columns(project),
          project.id,
          project.createdAt,
        );
        return changes === 1 ? "created" : "exists";
      }),
    updateProject: (project) =>
      database.write(() => {
        const { changes } = database.run(
          "UPDATE projects SET name = ?, description = ?, labels = ?, state = ? WHERE id = ?",
          ...columns(project),
          project.id,
        );
        return changes === 1 ? "updated" : "missing";
      }),
    getProject: async (id) => {
      const row = database.get("SELECT * FROM projects WHERE id = ?", id);
      return row && toProject(row);
    },
    listProjects: async (query) => readList(database, SHAPE, query, toProject),
  };
}
