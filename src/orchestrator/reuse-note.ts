/** What a run shows where a task's reuse policy (flyte.ReusePolicy) changes nothing. */
import type { RunNote } from "../domain/run-note.ts";
import type { RunRecord, RunSettings } from "../domain/run.ts";
import { isStrictImage, STRICT_IMAGE } from "../domain/strict-image.ts";
import type { TaskDefinition } from "../domain/task.ts";
import { WARM_START, warmStartOf } from "../domain/warm-start.ts";
import type { Executor } from "../executors/executor.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";

export const REUSE_WITHOUT_EFFECT = "REUSE_WITHOUT_EFFECT";

/** Of which it is remembered that they have their note; the store keeps each once. */
const MAX_NOTED = 1_000;

type ReusableTask = Pick<TaskDefinition, "name" | "image" | "reuse" | "env">;

/** Each run has one note of each of its tasks. Nothing fails because a note could not be recorded. */
export interface ReuseNotes {
  /** A run or an action was accepted whose task is this. */
  accepted(run: RunRecord, task: ReusableTask): Promise<void>;
  /** An attempt of the task got a container of its own, and why. */
  startedCold(run: RunRecord, task: ReusableTask, reason: string): Promise<void>;
}

export interface ReuseNotesOptions {
  readonly store: Pick<Store, "recordRunNotes">;
  readonly executor: Pick<Executor, "pools" | "description">;
  readonly log: Logger;
}

export function createReuseNotes({ store, executor, log }: ReuseNotesOptions): ReuseNotes {
  /** By run and task, of those that were recorded last: a run may have many children of one task. */
  const noted = new Set<string>();
  const record = async (run: RunRecord, note: RunNote | undefined): Promise<void> => {
    if (note === undefined) return;
    const name = `${run.id} ${note.image}`;
    if (noted.has(name)) return;
    try {
      await store.recordRunNotes(run, [note]);
    } catch (error) {
      log.warn("a note could not be recorded with its run", { run: run.key.run, note: note.text, error });
      return;
    }
    if (noted.size >= MAX_NOTED) noted.clear();
    noted.add(name);
  };
  return {
    accepted: (run, task) => record(run, reuseNote(task, run.settings, executor)),
    startedCold: (run, task, reason) =>
      record(run, {
        ...noteOf(task),
        text: `${subjectOf(task)}, and at least one of its actions started in a container of its own: ${reason}`,
        mend: "see what starts cold in docs/warm-starts.md, and what boxkite pools says of its pool",
      }),
  };
}

/** Undefined where there is no policy, or where nothing that is known before an attempt keeps it from having an effect. */
export function reuseNote(
  task: ReusableTask,
  settings: Pick<RunSettings, "env">,
  executor: ReuseNotesOptions["executor"],
): RunNote | undefined {
  if (task.reuse === undefined) return undefined;
  const note = (why: string, mend: string): RunNote => ({
    ...noteOf(task),
    text: `${subjectOf(task)}, and ${why}: each of its actions starts anew`,
    mend,
  });
  if (executor.pools === undefined)
    return note(
      `this server keeps no workers, with ${executor.description}`,
      "start the server with a container engine, and without --warm-starts off and --strict-images",
    );
  const env = { ...settings.env, ...task.env };
  if (isStrictImage(env))
    return note(`${STRICT_IMAGE} makes its image a black box`, `leave ${STRICT_IMAGE} out`);
  return warmStartOf(env) === "off"
    ? note(`${WARM_START} switches warm starts off`, `leave ${WARM_START} out`)
    : undefined;
}

function noteOf({ name, image }: ReusableTask): Pick<RunNote, "image" | "code"> {
  return { image: `${image} (${name})`, code: REUSE_WITHOUT_EFFECT };
}

function subjectOf({ name }: ReusableTask): string {
  return `task ${name} is reusable (flyte.ReusePolicy)`;
}
