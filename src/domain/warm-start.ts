/** Attempts that start in a container which was made before them. */
import { BoxkiteError } from "./errors.ts";
import { quoted } from "./text.ts";

/** The variable by which an environment or a run says how its attempts may start; the server's setting stands where it is absent. */
export const WARM_START = "BOXKITE_WARM_START";

/**
 * - off: each attempt has a container that is made for it.
 * - one_shot: a container in which the runtime is loaded already takes exactly one attempt.
 * - fork: a container of one run takes one attempt after the other, each in a process forked from one in which the runtime
 *   is loaded.
 */
export type WarmStartSetting = "off" | "one_shot" | "fork";

const SETTINGS: ReadonlyMap<string, WarmStartSetting> = new Map([
  ["off", "off"],
  ["one-shot", "one_shot"],
  ["fork", "fork"],
]);

/** Undefined for a text that is no setting. */
export function parseWarmStart(text: string): WarmStartSetting | undefined {
  return SETTINGS.get(text);
}

/** What the variables say; undefined where they say nothing. Throws INVALID_ARGUMENT for any other value. */
export function warmStartOf(env: Readonly<Record<string, string>>): WarmStartSetting | undefined {
  const value = env[WARM_START] ?? "";
  if (value === "") return undefined;
  const setting = parseWarmStart(value);
  if (setting !== undefined) return setting;
  throw new BoxkiteError(
    "INVALID_ARGUMENT",
    `the environment variable ${WARM_START} is ${quoted(value)}, which is none of: ${[...SETTINGS.keys()].join(", ")}`,
    { hint: "set it to one of these, or leave it out" },
  );
}

/** How a worker takes attempts; `resident`: by a reuse policy, in one process that keeps its modules and their state. */
export type WorkerMode = Exclude<WarmStartSetting, "off"> | "resident";

/** Of an attempt that was started in a worker. */
export interface WarmStart {
  readonly mode: WorkerMode;
  /** The name of the pool that its worker belongs to. */
  readonly pool: string;
  /** The worker's name: that of its container. */
  readonly worker: string;
  /** How many attempts the worker had taken before. */
  readonly earlierAttempts: number;
}
