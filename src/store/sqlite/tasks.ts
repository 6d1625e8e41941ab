/** Task specifications, stored once per content, and the deployed tasks that name them. */
import type { ListQuery } from "../../domain/list.ts";
import type { StoredSpec } from "../../domain/task.ts";
import type { Store } from "../store.ts";
import type { Database } from "../../sqlite/database.ts";
import { readList, type ListShape } from "./lists.ts";
import { scopeConditions, toSpec, toTask } from "./rows.ts";

type TaskStore = Pick<
  Store,
  | "deployTask"
  | "getTask"
  | "isNamedByDeployedTask"
  | "isNamedByTask"
  | "getSpec"
  | "listTasks"
  | "listTaskVersions"
>;

const COLUMNS = "tasks.*, task_specs.definition";
const FROM = "tasks JOIN task_specs ON task_specs.digest = tasks.spec_digest";
const FIELDS = {
  name: "tasks.name",
  task_name: "tasks.name",
  version: "tasks.version",
  created_at: "tasks.deployed_at",
  deployed_at: "tasks.deployed_at",
  deployed_by: "tasks.deployed_by",
  short_name: "task_specs.definition ->> 'shortName'",
  environment_name: "task_specs.definition ->> 'environment'",
};

export function taskStore(database: Database): TaskStore {
  const list = (where: string[], values: (string | number)[], query: ListQuery) => {
    const shape: ListShape = {
      columns: COLUMNS,
      from: FROM,
      where,
      values,
      fields: FIELDS,
      id: "tasks.id",
      defaultSort: { field: "created_at", ascending: false },
    };
    return readList(database, shape, query, toTask);
  };
  return {
    deployTask: (key, spec, at, by) =>
      database.write(() => {
        insertSpec(database, spec);
        const { changes } = database.run(
          `INSERT INTO tasks (project, domain, name, version, spec_digest, deployed_at, deployed_by,
             deployed_client, deployed_from) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT DO NOTHING`,
          key.project,
          key.domain,
          key.name,
          key.version,
          spec.digest,
          at,
          by.who,
          by.client,
          by.from,
        );
        return changes === 1 ? "created" : "exists";
      }),
    getTask: async (key) => {
      const row = database.get(
        `SELECT ${COLUMNS} FROM ${FROM} WHERE project = ? AND domain = ? AND name = ? AND version = ?`,
        key.project,
        key.domain,
        key.name,
        key.version,
      );
      return row && toTask(row);
    },
    isNamedByDeployedTask: async (uri) => {
      const sql = `SELECT 1 FROM ${FROM}, json_each(task_specs.definition, '$.reads') AS named WHERE named.value = ? LIMIT 1`;
      return database.get(sql, uri) !== undefined;
    },
    isNamedByTask: async (uri) => {
      const sql =
        "SELECT 1 FROM task_specs, json_each(definition, '$.reads') AS named WHERE named.value = ? LIMIT 1";
      return database.get(sql, uri) !== undefined;
    },
    getSpec: async (digest) => {
      const row = database.get("SELECT * FROM task_specs WHERE digest = ?", digest);
      return row && toSpec(row);
    },
    listTasks: async (scope, query) => {
      const { sql, values } = scopeConditions(scope, "tasks");
      // The SDK requests the newest version of a name with limit 1; people want one row per task.
      const newest = `tasks.id = (SELECT max(newer.id) FROM tasks AS newer WHERE newer.project = tasks.project
        AND newer.domain = tasks.domain AND newer.name = tasks.name)`;
      if (scope.isEntrypoint === undefined) return list([...sql, newest], values, query);
      const entrypoint = "coalesce(task_specs.definition ->> 'isEntrypoint', 0) = ?";
      return list([...sql, newest, entrypoint], [...values, Number(scope.isEntrypoint)], query);
    },
    listTaskVersions: async (scope, query) => {
      const { sql, values } = scopeConditions(scope, "tasks");
      return list([...sql, "tasks.name = ?"], [...values, scope.name], query);
    },
  };
}

export function insertSpec(database: Database, spec: StoredSpec): void {
  // Asked first: the children of a fan-out share it, and its text takes as long to be made and checked as their rows.
  if (database.get("SELECT 1 FROM task_specs WHERE digest = ?", spec.digest) !== undefined) return;
  database.run(
    "INSERT INTO task_specs (digest, bytes, definition) VALUES (?, ?, ?)",
    spec.digest,
    spec.bytes,
    JSON.stringify(spec.definition),
  );
}
