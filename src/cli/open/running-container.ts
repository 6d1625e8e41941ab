/** The container in which an action runs now. */
import type { EngineApi } from "../../containers/api.ts";
import type { AttemptKey } from "../../domain/attempt.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { keyOfLabels, LABEL } from "../../executors/container/container-spec.ts";
import { runningInWorkers } from "../../executors/container/running-in-workers.ts";
import type { Logger } from "../../lib/log.ts";
import type { ActionName } from "./action-name.ts";

export interface RunningScope extends ActionName {
  /** Undefined: any. */
  readonly project?: string | undefined;
  readonly domain?: string | undefined;
}

/** Throws ACTION_NOT_RUNNING, and CONFIG_INVALID where several projects or servers have such an action. */
export async function findRunningContainer(
  api: EngineApi,
  scope: RunningScope,
  log: Logger,
): Promise<string> {
  const { run, action } = scope;
  const running = [...(await inOwn(api, scope)), ...(await inWorkers(api, scope, log))];
  const [first, ...others] = running;
  if (first === undefined)
    throw new BoxkiteError(
      "ACTION_NOT_RUNNING",
      `action ${action} of run ${run} does not run on this machine`,
      {
        hint: `to run it again on this terminal: boxkite reproduce ${run}/${action} --shell`,
      },
    );
  if (others.length === 0) return first.id;
  const where = running.map(({ key }) => `${key.project}/${key.domain}`);
  throw new BoxkiteError("CONFIG_INVALID", `several actions of this name run: in ${where.join(", ")}`, {
    hint: "name one with --project and --domain",
  });
}

interface Running {
  readonly id: string;
  readonly key: Pick<AttemptKey, "project" | "domain">;
}

/** A container that was made for it says so in its labels. */
async function inOwn(
  api: EngineApi,
  { run, action, project, domain }: RunningScope,
): Promise<readonly Running[]> {
  const listed = await api.listContainers([
    `${LABEL.run}=${run}`,
    `${LABEL.action}=${action}`,
    ...(project === undefined ? [] : [`${LABEL.project}=${project}`]),
    ...(domain === undefined ? [] : [`${LABEL.domain}=${domain}`]),
  ]);
  const running = await Promise.all(
    listed.map(async ({ id, labels }) => {
      const key = keyOfLabels(labels);
      const isRunning = key !== undefined && (await api.inspectContainer(id))?.running === true;
      return isRunning ? [{ id, key }] : [];
    }),
  );
  return running.flat();
}

async function inWorkers(
  api: EngineApi,
  { run, action, project, domain }: RunningScope,
  log: Logger,
): Promise<readonly Running[]> {
  const all = await runningInWorkers(api, log);
  return all
    .filter(
      ({ key }) =>
        key.run === run &&
        key.action === action &&
        key.project === (project ?? key.project) &&
        key.domain === (domain ?? key.domain),
    )
    .map(({ key, container }) => ({ id: container.id, key }));
}
