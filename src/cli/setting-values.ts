/** Values of the settings file, checked one by one. All throw CONFIG_INVALID and name the setting. */
import { BoxkiteError } from "../domain/errors.ts";

/** A mapping; an empty section counts as one. */
export function mappingOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  const mapping = value ?? {};
  if (typeof mapping === "object" && !Array.isArray(mapping)) return mapping as Record<string, unknown>;
  throw new BoxkiteError("CONFIG_INVALID", `${what} is not a mapping of settings`);
}

export function refuseUnknown(
  mapping: Readonly<Record<string, unknown>>,
  known: readonly string[],
  what: string,
): void {
  const unknown = Object.keys(mapping).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new BoxkiteError("CONFIG_INVALID", `${what} has unknown settings: ${unknown.join(", ")}`, {
    hint: `known are: ${known.join(", ")}`,
  });
}

export function booleanOf(value: unknown, what: string): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  throw new BoxkiteError("CONFIG_INVALID", `${what} is ${JSON.stringify(value)}; it must be true or false`);
}

export function stringOf(value: unknown, what: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && value !== "") return value;
  throw new BoxkiteError("CONFIG_INVALID", `${what} is ${JSON.stringify(value)}; it must be a text`);
}

/** A whole number; throws if there is none, too. */
export function wholeOf(value: unknown, what: string, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new BoxkiteError(
    "CONFIG_INVALID",
    `${what} is ${value === undefined ? "not set" : JSON.stringify(value)}; it must be a whole number from ${min} to ${max}`,
  );
}
