/** Which containers `boxkite up` makes before there is an attempt for them, and how much they may take. */
import { BoxkiteError } from "../domain/errors.ts";
import { parseWarmStart } from "../domain/warm-start.ts";
import type { MemoryShare, WarmStarts } from "../platform/warm-starts.ts";
import { invalidSetting, wholeNumber } from "./check-setting.ts";
import type { CommandInput } from "./command.ts";
import { findSetting, type Setting, type SettingName, type SettingsFile } from "./settings-file.ts";

const DEFAULT_SHARE = 0.25;
const MOST_WORKERS = 10_000;
const UNITS: Readonly<Record<string, number>> = { MiB: 1024 ** 2, GiB: 1024 ** 3 };

export interface WarmSettingsContext {
  readonly engine: string;
  /** Workers, where nothing else is said. */
  readonly maxParallel: number;
}

/** Throws CONFIG_INVALID naming the setting. */
export function readWarmStarts(
  input: CommandInput,
  file: SettingsFile,
  { engine, maxParallel }: WarmSettingsContext,
): WarmStarts {
  const lookUp = (name: SettingName) => findSetting(name, input, file);
  const named = lookUp("warm-starts") ?? { value: "one-shot", origin: "" };
  const setting = parseWarmStart(named.value);
  if (setting === undefined) throw invalidSetting(named, "off, one-shot or fork");
  const memory = lookUp("warm-memory");
  const workers = lookUp("warm-workers");
  const asked = [named, memory, workers].find((each) => each !== undefined && each.origin !== "");
  if (engine === "process" && asked !== undefined && setting !== "off") {
    throw new BoxkiteError(
      "CONFIG_INVALID",
      `${asked.origin} is for containers, and --engine process has none`,
      {
        hint: "leave it out, or use a container engine",
      },
    );
  }
  return {
    setting,
    memory: memory === undefined ? { share: DEFAULT_SHARE } : memoryOf(memory),
    workers: wholeNumber(workers, maxParallel, 0, MOST_WORKERS),
  };
}

function memoryOf(setting: Setting): MemoryShare {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?) ?(%|MiB|GiB)$/u.exec(setting.value) ?? [];
  const amount = number === "" ? Number.NaN : Number(number);
  if (unit === "%" && amount <= 100) return { share: amount / 100 };
  const factor = UNITS[unit];
  if (factor !== undefined) return { bytes: Math.floor(amount * factor) };
  throw invalidSetting(
    setting,
    "a part of the engine's memory such as 25%, or an amount such as 2GiB or 512MiB",
  );
}
