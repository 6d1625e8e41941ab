/**
 * Tasks that only let time pass, as `flyte.extras.Sleep` of the Python SDK: the server keeps their time, and makes no
 * container for them.
 */
import { durationMs, encodeDuration, type Duration } from "./duration.ts";
import { compileInterface, type CompiledInterface } from "./interface.ts";
import { mergeOptions, requireSleepSettings, sleepSettingsIn, type SleepSettings } from "./options.ts";
import type { Schema } from "./schema.ts";
import type { TaskDefinition } from "./task.ts";
import type { TaskContext } from "./task-context.ts";
import type { TaskEnvironment } from "./task-environment.ts";
import { messageOf } from "../../domain/errors.ts";
import { formatDuration, parseDuration } from "../../wire/literals/time.ts";

export interface SleepOptions extends SleepSettings {
  /** The second part of the task's full name. */
  readonly name: string;
  readonly description?: string;
}

export interface SleepInputs {
  /** How long: `"10m"`, `"1h30m"`, a number of milliseconds, or ISO 8601 as `"PT10M"`. */
  readonly duration: Duration;
}

/** Throws TypeError or RangeError for what is no duration of time to come. */
function sleepMs(duration: Duration): number {
  if (typeof duration !== "string" || !duration.startsWith("P")) return durationMs(duration);
  const { seconds, nanos } = parseDuration(duration);
  return Number(seconds) * 1000 + nanos / 1_000_000;
}

const DURATION_JSON = { type: "string", format: "duration", description: "how long it sleeps" };

const DURATION: Schema<Duration, number> = {
  "~standard": {
    version: 1,
    vendor: "boxkite",
    validate: (value) => {
      if (typeof value !== "string" && typeof value !== "number")
        return { issues: [{ message: 'expected a duration: "90s", "10m", or a number of milliseconds' }] };
      try {
        return { value: sleepMs(value) };
      } catch (error) {
        return { issues: [{ message: messageOf(error) }] };
      }
    },
    jsonSchema: { input: () => DURATION_JSON, output: () => DURATION_JSON },
  },
};

function sleepInterface(fullName: string): CompiledInterface {
  const { inputs, ...rest } = compileInterface(fullName, { inputs: { duration: DURATION } });
  const encode = (value: unknown): string => formatDuration(encodeDuration(sleepMs(value as Duration)));
  return { ...rest, inputs: inputs.map((input) => ({ ...input, encode })) };
}

/** What `forward` does. The server needs no function, and a local run takes the time of its own clock. */
async function letTimePass({ duration }: SleepInputs, { signal }: TaskContext): Promise<void> {
  const { systemClock } = await import("../../lib/clock.ts");
  await systemClock.sleep(sleepMs(duration), { signal });
}

/** `modulePath`: the file that defines it. */
export function sleepDefinition(
  environment: TaskEnvironment,
  options: SleepOptions,
  modulePath: string,
): TaskDefinition {
  const { name, description = "" } = options;
  const fullName = `${environment.name}.${name}`;
  requireSleepSettings(fullName, options);
  return {
    defined: "here",
    kind: "sleep",
    environment,
    name,
    shortName: name,
    fullName,
    description,
    interface: sleepInterface(fullName),
    options: mergeOptions(sleepSettingsIn(environment.options), options),
    report: false,
    fn: letTimePass as (inputs: never, context: TaskContext) => unknown,
    modulePath,
  };
}
