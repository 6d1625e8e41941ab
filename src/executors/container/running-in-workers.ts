/**
 * Which containers of workers an action runs in now. Labels of a container cannot be changed, and a worker's are from before it had
 * an attempt: which one it has, its server's own files say, beside the directory that is mounted into it.
 */
import type { EngineApi } from "../../containers/api.ts";
import type { ContainerState } from "../../containers/types.ts";
import type { AttemptKey } from "../../domain/attempt.ts";
import { WORKER_PATH } from "../../domain/worker-protocol.ts";
import type { Logger } from "../../lib/log.ts";
import { Assignments, type Assignment } from "../workers/assignments.ts";
import { LABEL } from "./container-spec.ts";
import { assignmentsBeside } from "./worker-directories.ts";

export interface RunningInWorker {
  readonly key: AttemptKey;
  readonly container: ContainerState;
}

/** Of all servers of this machine whose files this user may read. */
export async function runningInWorkers(
  api: Pick<EngineApi, "listContainers" | "inspectContainer">,
  log: Logger,
): Promise<readonly RunningInWorker[]> {
  const listed = await api.listContainers([LABEL.worker]);
  const read = new Map<string, Promise<readonly Assignment[]>>();
  const assignmentsIn = (directory: string) => {
    const reading =
      read.get(directory) ??
      Assignments.read(directory, log).catch((error: unknown) => {
        const problem = "which action a worker runs could not be read: only its server's user may";
        log.warn(problem, { directory, error });
        return [];
      });
    read.set(directory, reading);
    return reading;
  };
  const found = await Promise.all(
    listed.map(async ({ id, labels }) => {
      const container = await api.inspectContainer(id);
      const directory = container?.mounts.get(WORKER_PATH);
      if (container?.running !== true || directory === undefined) return [];
      const all = await assignmentsIn(assignmentsBeside(directory));
      const own = all.filter(({ warm }) => warm.worker === labels[LABEL.worker]);
      return own.map(({ key }) => ({ key, container }));
    }),
  );
  return found.flat();
}
