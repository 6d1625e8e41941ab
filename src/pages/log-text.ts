/** A line of a log as the page shows it. */
import type { LogLine } from "../logs/attempt-logs.ts";

/** Longer lines are cut; the whole log as text has all of them. */
const MAX_LINE = 8_000;

const CODES = { stdout: "o", stderr: "e", system: "s" } as const;

export type ShownLine = readonly [atMs: number, stream: "o" | "e" | "s", text: string];

export function shownLine({ atMs, stream, text }: LogLine): ShownLine {
  const plain = withoutEscapes(text);
  const cut =
    plain.length > MAX_LINE
      ? `${plain.slice(0, MAX_LINE)} … ${plain.length - MAX_LINE} more characters`
      : plain;
  return [atMs, CODES[stream], cut];
}

export function textLine({ atMs, stream, text }: LogLine): string {
  return `${new Date(atMs).toISOString()} ${stream} ${text}\n`;
}

/** Colours and cursor movements are for terminals. */
function withoutEscapes(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replaceAll(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-_])/gu, "");
}
