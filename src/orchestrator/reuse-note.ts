/** What a run shows where a task's reuse policy (flyte.ReusePolicy) changes nothing. */
import type { RunNote } from "../domain/run-note.ts";
import type { RunSettings } from "../domain/run.ts";
import { isStrictImage, STRICT_IMAGE } from "../domain/strict-image.ts";
import type { TaskDefinition } from "../domain/task.ts";
import { WARM_START, warmStartOf } from "../domain/warm-start.ts";
import type { Executor } from "../executors/executor.ts";

export const REUSE_WITHOUT_EFFECT = "REUSE_WITHOUT_EFFECT";

/** Undefined where there is no policy, or where it has an effect. */
export function reuseNote(
  { name, image, reuse, env: own }: Pick<TaskDefinition, "name" | "image" | "reuse" | "env">,
  settings: Pick<RunSettings, "env">,
  executor: Pick<Executor, "pools" | "description">,
): RunNote | undefined {
  if (reuse === undefined) return undefined;
  const note = (why: string, mend: string): RunNote => ({
    image,
    code: REUSE_WITHOUT_EFFECT,
    text: `task ${name} is reusable (flyte.ReusePolicy), and ${why}: each of its actions starts anew`,
    mend,
  });
  if (executor.pools === undefined)
    return note(
      `this server keeps no workers, with ${executor.description}`,
      "start the server with a container engine, and without --warm-starts off and --strict-images",
    );
  const env = { ...settings.env, ...own };
  if (isStrictImage(env))
    return note(`${STRICT_IMAGE} makes its image a black box`, `leave ${STRICT_IMAGE} out`);
  return warmStartOf(env) === "off"
    ? note(`${WARM_START} switches warm starts off`, `leave ${WARM_START} out`)
    : undefined;
}
