/** The file in an attempt's directory that says whose it is. */
import type { AttemptKey } from "../../domain/attempt.ts";

export const KEY_FILE = "key.json";

/** Undefined for what is not a whole key. */
export function parseAttemptKey(text: string): AttemptKey | undefined {
  try {
    const key = JSON.parse(text) as Partial<AttemptKey>;
    const names = [key.project, key.domain, key.run, key.action];
    const isWhole = typeof key.attempt === "number" && names.every((name) => typeof name === "string");
    return isWhole ? (key as AttemptKey) : undefined;
  } catch {
    return undefined;
  }
}
