/**
 * Who may do what with which record: one call reads the record and authorises. Every RPC, page and object goes
 * through `authorise`, whose rules are in authorise/ and nowhere else.
 */
import type { ActionRecord } from "../domain/action-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import {
  DOMAINS,
  isDomain,
  type ActionKey,
  type ProjectKey,
  type RunKey,
  type TaskKey,
} from "../domain/ids.ts";
import type { Authority, Principal } from "../domain/principal.ts";
import type { ProjectRecord } from "../domain/project.ts";
import type { RunRecord } from "../domain/run.ts";
import type { StoredSpec, TaskRecord } from "../domain/task.ts";
import type { StoreReader } from "../store/reader.ts";
import { requireAction, requireRun } from "../store/require.ts";
import { unauthenticated } from "./authorise/refusals.ts";

/** `change`: to end, answer or edit what is there. */
export type Right = "read" | "create" | "change";

export type Resource =
  /** What concerns no project: endpoints, the caller's identity. */
  | { readonly kind: "server" }
  /** Its name, description and state; undefined: all of them. */
  | { readonly kind: "project"; readonly project: string | undefined }
  /** Where something new is made. */
  | { readonly kind: "place"; readonly key: ProjectKey }
  /** What is listed of a project and domain; of all where they are not named. */
  | { readonly kind: "tasks" | "runs"; readonly scope: Partial<ProjectKey> }
  | { readonly kind: "task"; readonly key: TaskKey }
  | { readonly kind: "run"; readonly key: RunKey }
  | { readonly kind: "action"; readonly key: ActionKey }
  /** An action that `parent`, an action of the same run, makes. */
  | { readonly kind: "child"; readonly key: ActionKey; readonly parent: string }
  | { readonly kind: "image"; readonly name: string }
  | { readonly kind: "object"; readonly key: string };

/** Throws where the principal does not have the right. */
export type Authorise = (by: Principal, right: Right, resource: Resource) => void | Promise<void>;

/** Of the task that builds images: build-task.ts. */
export const OWN_PROJECT = "system";

export interface Access {
  readonly authorise: Authorise;
  /** Throws RUN_NOT_FOUND. */
  run(by: Principal, right: Right, key: RunKey): Promise<RunRecord>;
  /** Throws ACTION_NOT_FOUND; RUN_NOT_FOUND where there is not even the run. */
  action(by: Principal, right: Right, key: ActionKey): Promise<ActionRecord>;
  /** The run in which `parent` makes the action. Throws RUN_NOT_FOUND. */
  child(by: Principal, key: ActionKey, parent: string): Promise<RunRecord>;
  /** For a list of what is in a project and domain, or in all of them. Throws PROJECT_NOT_FOUND. */
  list(by: Principal, kind: "tasks" | "runs", scope: Partial<ProjectKey>): Promise<void>;
  /** Whose rights a run has that the caller starts. */
  authorityOf(by: Principal): Promise<Authority>;
  /** Throws TASK_NOT_FOUND. */
  task(by: Principal, key: TaskKey): Promise<{ readonly record: TaskRecord; readonly spec: StoredSpec }>;
  /** Projects are made on purpose. An archived one can still be read. Throws PROJECT_NOT_FOUND. */
  project(by: Principal, right: Right, id: string): Promise<ProjectRecord>;
  /** A project and domain where something new may be made. Throws PROJECT_NOT_FOUND or INVALID_ARGUMENT. */
  place(by: Principal, key: ProjectKey): Promise<void>;
}

export function createAccess(store: StoreReader, authorise: Authorise): Access {
  const requireProject = async (id: string) => {
    const found = await store.getProject(id);
    if (found) return found;
    throw new BoxkiteError("PROJECT_NOT_FOUND", `there is no project ${JSON.stringify(id)}`, {
      hint: `create it with flyte create project --id ${id} --name ${id}`,
    });
  };
  return {
    authorise,
    project: async (by, right, id) => {
      await authorise(by, right, { kind: "project", project: id });
      return requireProject(id);
    },
    list: async (by, kind, scope) => {
      await authorise(by, "read", { kind, scope });
      // The project of the server's own task has no record.
      if (scope.project !== undefined && scope.project !== OWN_PROJECT) await requireProject(scope.project);
    },
    child: async (by, key, parent) => {
      await authorise(by, "create", { kind: "child", key, parent });
      return requireRun(store, key);
    },
    authorityOf: async ({ identity }) => {
      if (identity.kind === "attempt") return (await requireRun(store, identity.key)).authority;
      if (identity.kind === "reproduction") return (await requireRun(store, identity.of)).authority;
      if (identity.kind === "stranger") throw unauthenticated(identity);
      return identity;
    },
    run: async (by, right, key) => {
      await authorise(by, right, { kind: "run", key });
      return requireRun(store, key);
    },
    action: async (by, right, key) => {
      await authorise(by, right, { kind: "action", key });
      return requireAction(store, key);
    },
    task: async (by, key) => {
      await authorise(by, "read", { kind: "task", key });
      const record = await store.getTask(key);
      const spec = record && (await store.getSpec(record.specDigest));
      if (record && spec) return { record, spec };
      throw new BoxkiteError(
        "TASK_NOT_FOUND",
        `task ${key.name} version ${JSON.stringify(key.version)} is not deployed in ${key.project}/${key.domain}`,
        { hint: "deploy it with flyte deploy, or list what is there with flyte get task" },
      );
    },
    place: async (by, key) => {
      await authorise(by, "create", { kind: "place", key });
      const { state } = await requireProject(key.project);
      if (state === "archived") {
        throw new BoxkiteError("INVALID_ARGUMENT", `project ${key.project} is archived`, {
          hint: `activate it with flyte update project ${key.project} --unarchive`,
        });
      }
      if (!isDomain(key.domain)) {
        throw new BoxkiteError("INVALID_ARGUMENT", `there is no domain ${JSON.stringify(key.domain)}`, {
          hint: `use one of: ${DOMAINS.join(", ")}`,
        });
      }
    },
  };
}
