/**
 * Tells the executor which attempts will be asked for soon, so that workers may be started for them: a guess from what ran
 * before, which may be wrong and costs nothing else.
 */
import { isDeepStrictEqual } from "node:util";
import { ROOT_ACTION } from "../domain/ids.ts";
import type { ListedRun } from "../domain/list.ts";
import { isTerminal } from "../domain/phase.ts";
import { cpuCapOf } from "../domain/resources.ts";
import type { RunRecord } from "../domain/run.ts";
import type { TaskDefinition } from "../domain/task.ts";
import { isSleepTask } from "../domain/sleep.ts";
import { isTrustedRun } from "../domain/trust.ts";
import type { AttemptSpec, Executor } from "../executors/executor.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";
import { makeAttemptSpec } from "./attempt-spec.ts";

export interface ExpectationsOptions {
  readonly store: Pick<Store, "calledBefore" | "runImages" | "listRuns" | "getSpec">;
  readonly executor: Executor;
  readonly capCpu?: boolean;
  readonly log: Logger;
}

export interface Expectations {
  /** What this run will call, where an earlier one of its task did. `root`: of the run's task. */
  accepted(run: RunRecord, root: TaskDefinition): void;
  /**
   * At the start of a server: what runs that go on will call, and those tasks that ran last whose workers are for all runs of
   * their project and domain.
   */
  resumed(): void;
}

/** Of one run. */
const MOST_CALLED = 8;
/** Read at the start, and the different tasks of them that are expected. */
const NEWEST_RUNS = 100;
const MOST_RECENT = 8;

export function createExpectations(options: ExpectationsOptions): Expectations {
  const { store, executor, log } = options;

  const specOf = (run: RunRecord, definition: TaskDefinition, image: AttemptSpec["image"]): AttemptSpec => {
    const cpuCap = options.capCpu === true ? cpuCapOf(definition, executor.capacity) : undefined;
    return makeAttemptSpec({
      run,
      // Nothing is known of the action; what follows from it is the attempt's own.
      action: {
        key: { ...run.key, action: "" },
        inputUri: "",
        state: { attempt: 1 },
        cpuCap,
        parent: ROOT_ACTION,
      },
      definition,
      image,
      access: {},
    });
  };

  const expect = async (run: RunRecord, definitions: readonly TaskDefinition[], as = run): Promise<void> => {
    const pinned = new Map((await store.runImages(run.id)).map((image) => [image.reference, image]));
    const attempts = definitions.flatMap((definition) => {
      // What the run has not pinned yet is not resolved for a guess.
      const image = pinned.get(definition.image);
      const isContainer = image !== undefined && image.source !== "host" && !isSleepTask(definition);
      return !isContainer ? [] : [specOf(as, definition, image)];
    });
    if (attempts.length === 0) return;
    executor.expect?.({ images: [], isTrusted: isTrustedRun(run), requests: {}, limits: {}, attempts });
  };

  const calledBefore = async (
    { key: { project, domain } }: RunRecord,
    { name, version, image }: TaskDefinition,
  ): Promise<TaskDefinition[]> => {
    const called = await store.calledBefore({ project, domain, name, version, image }, MOST_CALLED);
    // Workers with the modules of another version serve nobody.
    return called.filter(({ reuse, ...definition }) => !reuse || definition.version === version);
  };

  const expectRecent = async (): Promise<void> => {
    const { items } = await store.listRuns({}, { limit: NEWEST_RUNS, token: "", where: [] });
    const seen = new Set<string>();
    for (const [index, { run, root }] of items.entries()) {
      const { specDigest } = root;
      const definition = specDigest === undefined ? undefined : (await store.getSpec(specDigest))?.definition;
      if (specDigest === undefined || definition === undefined) continue;
      const isLive = !isTerminal(root.state.phase);
      const name = `${run.key.project}/${run.key.domain}/${specDigest}`;
      const isRecent = !seen.has(name) && seen.size < MOST_RECENT;
      if (!isLive && !isRecent) continue;
      seen.add(name);
      const called = await calledBefore(run, definition);
      if (isLive) await expect(run, called);
      if (!isRecent) continue;
      if (!repeatsVariables({ run, root }, items.slice(index + 1))) continue;
      // Any other worker is for one run, and these are over.
      const shared = [definition, ...called].filter(({ reuse }) => reuse?.scope === "global");
      await expect(run, shared, { ...run, key: { ...run.key, run: "" } });
    }
  };

  const inBackground = (work: () => Promise<void>): void => {
    // Only workers can be started ahead for an attempt.
    if (executor.pools === undefined || executor.expect === undefined) return;
    work().catch((error: unknown) =>
      log.debug("what will run next could not be read from what ran before", { error }),
    );
  };

  return {
    accepted: (run, root) => inBackground(async () => expect(run, await calledBefore(run, root))),
    resumed: () => inBackground(expectRecent),
  };
}

/**
 * Whether the next run of its task is likely to have its variables: the one before it had them. Workers that were made with a
 * variable that differs from run to run, such as a date, would serve nobody. `earlier`: newest first.
 */
function repeatsVariables({ run, root }: ListedRun, earlier: readonly ListedRun[]): boolean {
  const { project, domain } = run.key;
  const before = earlier.find(
    (other) =>
      other.run.key.project === project &&
      other.run.key.domain === domain &&
      other.root.taskName === root.taskName,
  );
  return before === undefined || isDeepStrictEqual(before.run.settings.env, run.settings.env);
}

/** Calls back with each run whose root has ended; maybe more than once. */
export function endedRuns(
  changed: Parameters<Parameters<Store["onChange"]>[0]>[0],
  onEnded: NonNullable<Executor["runEnded"]>,
): void {
  for (const { key, state } of changed) {
    if (key.action !== ROOT_ACTION || !isTerminal(state.phase)) continue;
    const { project, domain, run } = key;
    onEnded({ project, domain, run });
  }
}
