/** Rows as a table for people. */
import { isMet, ratioOf, type Goal, type Row } from "./measure.ts";

const HEAD = ["measure", "ours", "floor or peer", "ratio", "goal", ""] as const;

/** As Markdown, so that it can be pasted where people talk about it. */
export function formatTable(rows: readonly { readonly row: Row; readonly loaded: boolean }[]): string {
  const cells = rows.map(({ row, loaded }) => cellsOf(row, loaded));
  const widths = HEAD.map((head, column) =>
    Math.max(head.length, ...cells.map((cell) => cell[column]?.length ?? 0)),
  );
  const line = (cell: readonly string[]) =>
    `| ${widths.map((width, column) => (cell[column] ?? "").padEnd(width)).join(" | ")} |`;
  return [line(HEAD), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join("\n");
}

function cellsOf(row: Row, loaded: boolean): string[] {
  const ratio = ratioOf(row);
  const met = isMet(row);
  return [
    row.measure,
    `${loaded ? "~" : ""}${amount(row.ours)} ${row.unit}`,
    row.floor === undefined ? "" : `${amount(row.floor.value)} ${row.unit}: ${row.floor.what}`,
    ratio === undefined ? "" : amount(ratio),
    row.goal === undefined ? "" : goalText(row.goal, row.unit),
    [met === undefined ? "" : met ? "met" : "missed", row.note ?? ""].filter(Boolean).join("; "),
  ];
}

function goalText({ of, at, value }: Goal, unit: string): string {
  const sign = at === "most" ? "≤" : "≥";
  return of === "ours" ? `${sign} ${value} ${unit}` : `${sign} ${value} ×`;
}

function amount(value: number): string {
  if (Number.isNaN(value)) return "?";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}
