/** The container in which an action runs now, by its labels. */
import type { EngineApi } from "../../containers/api.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { keyOfLabels, LABEL } from "../../executors/container/container-spec.ts";
import type { ActionName } from "./action-name.ts";

export interface RunningScope extends ActionName {
  /** Undefined: any. */
  readonly project?: string | undefined;
  readonly domain?: string | undefined;
}

/** Throws ACTION_NOT_RUNNING, and CONFIG_INVALID where several projects or servers have such an action. */
export async function findRunningContainer(
  api: EngineApi,
  { run, action, project, domain }: RunningScope,
): Promise<string> {
  const listed = await api.listContainers([
    `${LABEL.run}=${run}`,
    `${LABEL.action}=${action}`,
    ...(project === undefined ? [] : [`${LABEL.project}=${project}`]),
    ...(domain === undefined ? [] : [`${LABEL.domain}=${domain}`]),
  ]);
  const attempts = listed.filter(({ labels }) => keyOfLabels(labels) !== undefined);
  const states = await Promise.all(attempts.map(({ id }) => api.inspectContainer(id)));
  const running = states.filter((state) => state?.running === true);
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
  const where = running.map(
    (state) => `${state?.labels[LABEL.project] ?? ""}/${state?.labels[LABEL.domain] ?? ""}`,
  );
  throw new BoxkiteError("CONFIG_INVALID", `several actions of this name run: in ${where.join(", ")}`, {
    hint: "name one with --project and --domain",
  });
}
