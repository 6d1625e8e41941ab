/** Durations on the command line: a whole number and one unit, such as `30s`, `90m`, `12h` or `7d`. */
const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** In milliseconds; undefined where the text is no duration. Zero is one. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit = ""] = /^(\d{1,6})([a-z])$/u.exec(text) ?? [];
  const unitMs = UNITS_MS.get(unit);
  return unitMs === undefined ? undefined : Number(count) * unitMs;
}
