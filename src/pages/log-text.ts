/** A line of a log as the page shows it. */
import type { LogLine, PositionedLine } from "../logs/attempt-logs.ts";

/** Longer lines are cut; the whole log as text has all of them. */
const MAX_LINE = 8_000;

const CODES = { stdout: "o", stderr: "e", system: "s" } as const;

export type ShownLine = readonly [at: number, atMs: number, stream: "o" | "e" | "s", text: string];

export function shownLine({ at, atMs, stream, text }: PositionedLine): ShownLine {
  return [at, atMs, CODES[stream], shownText(text)];
}

/** Without what is for terminals only. */
export function shownText(text: string): string {
  const plain = withoutEscapes(text);
  if (plain.length <= MAX_LINE) return plain;
  return `${plain.slice(0, MAX_LINE)} … ${plain.length - MAX_LINE} more characters`;
}

export function textLine({ atMs, stream, text }: LogLine): string {
  return `${new Date(atMs).toISOString()} ${stream} ${text}\n`;
}

/** Colours and cursor movements are for terminals. */
function withoutEscapes(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replaceAll(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-_])/gu, "");
}
