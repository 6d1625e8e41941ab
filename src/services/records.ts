/** Looking records up for a request: found, or the error that says what is missing. */
import type { ActionRecord } from "../domain/action-record.ts";
import type { ProjectRecord } from "../domain/project.ts";
import type { StoredSpec, TaskRecord } from "../domain/task.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { DOMAINS, type ProjectKey, type TaskKey } from "../domain/ids.ts";
import { requireRun } from "../store/require.ts";
import type { StoreReader } from "../store/reader.ts";
import type { DetailSources } from "../wire/details.ts";

export async function requireTask(
  store: StoreReader,
  key: TaskKey,
): Promise<{ record: TaskRecord; spec: StoredSpec }> {
  const record = await store.getTask(key);
  const spec = record && (await store.getSpec(record.specDigest));
  if (record && spec) return { record, spec };
  throw new BoxkiteError(
    "TASK_NOT_FOUND",
    `task ${key.name} version ${JSON.stringify(key.version)} is not deployed in ${key.project}/${key.domain}`,
    { hint: "deploy it with flyte deploy, or list what is there with flyte get task" },
  );
}

/** Projects are made on purpose. An archived one may still be looked at. Throws PROJECT_NOT_FOUND. */
export async function requireKnownProject(store: StoreReader, id: string): Promise<ProjectRecord> {
  const project = await store.getProject(id);
  if (project) return project;
  throw new BoxkiteError("PROJECT_NOT_FOUND", `there is no project ${JSON.stringify(id)}`, {
    hint: `create it with flyte create project --id ${id} --name ${id}`,
  });
}

/** Where something new may be made; domains are the same everywhere. */
export async function requireProject(store: StoreReader, key: ProjectKey): Promise<void> {
  const project = await requireKnownProject(store, key.project);
  if (project.state === "archived") {
    throw new BoxkiteError("INVALID_ARGUMENT", `project ${key.project} is archived`, {
      hint: `activate it with flyte update project ${key.project} --unarchive`,
    });
  }
  if (!(DOMAINS as readonly string[]).includes(key.domain)) {
    throw new BoxkiteError("INVALID_ARGUMENT", `there is no domain ${JSON.stringify(key.domain)}`, {
      hint: `use one of: ${DOMAINS.join(", ")}`,
    });
  }
}

export async function detailSources(store: StoreReader, record: ActionRecord): Promise<DetailSources> {
  const [run, spec, attempts] = await Promise.all([
    requireRun(store, record.key),
    record.specDigest === undefined ? undefined : store.getSpec(record.specDigest),
    store.listAttempts(record),
  ]);
  return { record, run, spec, attempts };
}
