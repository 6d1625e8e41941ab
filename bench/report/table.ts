/** Rows as a table for people: the ratio first, since figures say as much about the machine. */
import type { Goal } from "../helpers/measure.ts";
import type { StoredFigure, StoredRow } from "./stored-row.ts";

const HEAD = ["ratio", "goal", "", "measure", "ours", "floor or peer"] as const;

/** As Markdown, with columns of equal width where people read it as it is. */
export function formatTable(rows: readonly StoredRow[], isAligned: boolean): string {
  const cells = rows.map(cellsOf);
  const widths = HEAD.map((head, column) =>
    isAligned ? Math.max(head.length, ...cells.map((cell) => cell[column]?.length ?? 0)) : 0,
  );
  const line = (cell: readonly string[]) =>
    `| ${widths.map((width, column) => (cell[column] ?? "").padEnd(width)).join(" | ")} |`;
  return [line(HEAD), line(widths.map((width) => "-".repeat(Math.max(3, width)))), ...cells.map(line)].join(
    "\n",
  );
}

/** One row as it ends. */
export function formatRow(row: StoredRow): string {
  const [ratio, goal, verdict, ...rest] = cellsOf(row);
  const target = [goal && `goal ${goal}`, verdict].filter(Boolean).join(", ");
  return [ratio, target, ...rest].filter(Boolean).join("  |  ");
}

function cellsOf(row: StoredRow): string[] {
  const { measure, unit, ours, floor, ratio, goal, isMet, note } = row;
  return [
    ratio === undefined ? "" : `${withSpread(ratio)} ×`,
    goal === undefined ? "" : goalText(goal, unit),
    isMet === undefined ? "" : isMet ? "met" : "missed",
    measure + (note === undefined ? "" : ` (${note})`),
    `${withSpread(ours)} ${unit}`,
    floor === undefined ? "" : `${withSpread(floor.value)} ${unit}: ${floor.what}`,
  ];
}

export function goalText({ of, at, value }: Goal, unit: string): string {
  const sign = at === "most" ? "≤" : "≥";
  const number = value.toLocaleString("en");
  return of === "ours" ? `${sign} ${number} ${unit}` : `${sign} ${number} ×`;
}

function withSpread({ value, least, most }: StoredFigure): string {
  return least === undefined || most === undefined
    ? amount(value)
    : `${amount(value)} (${amount(least)}–${amount(most)})`;
}

export function amount(value: number | null): string {
  // JSON has no NaN: a figure that is none becomes null in the file.
  if (value === null || Number.isNaN(value)) return "?";
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 4;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
