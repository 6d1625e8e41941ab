/** How many runs a project may have, and how many its tasks may start. */
import { BoxkiteError } from "../domain/errors.ts";
import type { ProjectKey, RunKey } from "../domain/ids.ts";
import type { Quotas } from "../domain/quotas.ts";
import type { StoreReader } from "../store/reader.ts";

export interface RunQuota {
  /**
   * Counts a run that is about to be created. `startedBy`: the run whose task starts it. Throws QUOTA_EXCEEDED. Calls at
   * the same time may each find the last free one.
   */
  count(scope: ProjectKey, startedBy: RunKey | undefined): Promise<void>;
}

/** Of runs whose tasks start runs, the latest. */
const MOST_RUNS = 10_000;

export function createRunQuota(store: Pick<StoreReader, "getRun" | "liveRuns">, quotas: Quotas): RunQuota {
  /** By the first run of each chain, since the server was started. */
  const started = new Map<string, number>();

  const countStarted = async (startedBy: RunKey): Promise<void> => {
    const { first, depth } = await chainOf(store, startedBy, quotas.depth);
    if (depth > quotas.depth) throw exceeded(`runs that tasks start are ${quotas.depth} deep`, "depth");
    const key = JSON.stringify([first.project, first.domain, first.run]);
    const count = (started.get(key) ?? 0) + 1;
    if (count > quotas.startedRuns)
      throw exceeded(`the tasks of run ${first.run} have started ${quotas.startedRuns} runs`, "started-runs");
    started.delete(key);
    started.set(key, count);
    const [oldest] = started.keys();
    if (started.size > MOST_RUNS && oldest !== undefined) started.delete(oldest);
  };

  return {
    count: async ({ project }, startedBy) => {
      if ((await store.liveRuns(project, quotas.liveRuns)) >= quotas.liveRuns)
        throw exceeded(`project ${project} has ${quotas.liveRuns} runs that have not ended`, "live-runs");
      if (startedBy !== undefined) await countStarted(startedBy);
    },
  };
}

/** The run at the beginning, and how deep a run is that `run` starts; no more than one beyond `most` is read. */
async function chainOf(
  store: Pick<StoreReader, "getRun">,
  run: RunKey,
  most: number,
): Promise<{ first: RunKey; depth: number }> {
  let first = run;
  let depth = 1;
  while (depth <= most) {
    const before = (await store.getRun(first))?.settings.spawnedBy;
    if (before === undefined) break;
    first = before;
    depth++;
  }
  return { first, depth };
}

function exceeded(what: string, name: string): BoxkiteError {
  return new BoxkiteError("QUOTA_EXCEEDED", `${what}, which is the quota`, {
    hint: `end what is not needed, or raise quotas: ${name} in the server's settings file`,
  });
}
