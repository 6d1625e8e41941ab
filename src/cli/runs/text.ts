/** Lines for a terminal. Texts come from tasks and images: nothing in them moves the cursor or sets a colour. */
import { formatTime } from "../../pages/assets/time-format.js";

const COLUMNS = 14;
const INDENT = " ".repeat(COLUMNS);

/** On one line. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").trim();
}

/** On as many lines as it has. */
export function plainLines(text: string): string[] {
  return text
    .split(/\r?\n/u)
    .map((line) => line.replaceAll("\t", "    ").replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ""));
}

export type Field = readonly [name: string, value: string | readonly string[] | undefined];

/** `name   value`, with further values below; fields without a value are left out. */
export function fieldLines(fields: readonly Field[]): string[] {
  return fields.flatMap(([name, value]) => {
    const values = value === undefined ? [] : typeof value === "string" ? [value] : value;
    return values.map((each, index) => `${index === 0 ? name.padEnd(COLUMNS) : INDENT}${each}`);
  });
}

export function indented(lines: readonly string[]): string[] {
  return lines.map((line) => (line === "" ? "" : `  ${line}`));
}

export function timeText(atMs: number | undefined): string | undefined {
  return atMs === undefined ? undefined : formatTime(atMs);
}

/** At most `most` of them, and how many more there are. */
export function bounded(lines: readonly string[], most: number): string[] {
  if (lines.length <= most) return [...lines];
  return [...lines.slice(0, most), `… ${lines.length - most} more`];
}

const CUT = 60;
const KEPT_AT_END = 20;

/** On one line, without the middle of a long text; a digest is cut at its end, as in other lists. */
export function short(text: string): string {
  const line = plain(text).replaceAll(/sha256:[0-9a-f]{64}/gu, (digest) => digest.slice(0, SHORT_DIGEST));
  if (line.length <= CUT) return line;
  const start = line.slice(0, CUT - KEPT_AT_END - 1);
  return `${start.toWellFormed()}…${line.slice(-KEPT_AT_END).toWellFormed()}`;
}

const SHORT_DIGEST = 19;
