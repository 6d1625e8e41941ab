/** Checks a setting whose value is a text: from an option, a variable or the settings file. */
import { BoxkiteError } from "../domain/errors.ts";
import type { CommandInput } from "./command.ts";
import type { Setting } from "./settings-file.ts";

/** An option that no variable and no file can set. */
export function optionOf({ values }: CommandInput, name: string): Setting | undefined {
  const value = values[name];
  return value === undefined ? undefined : { value: String(value), origin: `--${name}` };
}

/** In decimal digits only; `fallback` where it is not set. Throws CONFIG_INVALID naming the setting and the range. */
export function wholeNumber(
  setting: Setting | undefined,
  fallback: number,
  min: number,
  max: number,
): number {
  if (setting === undefined) return fallback;
  const number = /^\d+$/u.test(setting.value) ? Number(setting.value) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw invalidSetting(setting, `a whole number from ${min} to ${max}`);
}

/** `fallback` where it is not set. Throws CONFIG_INVALID naming the setting. */
export function yesOrNo(setting: Setting | undefined, fallback = false): boolean {
  if (setting === undefined) return fallback;
  if (setting.value === "false") return false;
  if (setting.value === "true") return true;
  throw invalidSetting(setting, "true or false");
}

export function invalidSetting({ origin, value }: Setting, wanted: string): BoxkiteError {
  return new BoxkiteError("CONFIG_INVALID", `${origin} is ${JSON.stringify(value)}; it must be ${wanted}`);
}
