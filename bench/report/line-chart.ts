/** How a figure grows with the size of the work: ours and what it is compared with, both axes logarithmic. */
import { COLORS, line, logTicks, picture, round, text } from "./svg.ts";
import type { StoredFigure, StoredRow } from "./stored-row.ts";

const WIDTH = 640;
const PLOT = { left: 70, right: 24, top: 56, height: 240 } as const;
/** Where the plot ends; below it stand the numbers of the axis, and the legend in two columns. */
const BOTTOM = PLOT.top + PLOT.height;
const LEGEND = { top: BOTTOM + 52, column: 280, row: 16 } as const;

const OURS = "Boxkite";

interface CurvePoint {
  readonly x: number;
  readonly figure: StoredFigure;
}

/** Rows of one chart; their floors are curves of their own. Undefined where no curve has two points. */
export function scalingChart(title: string, rows: readonly StoredRow[]): string | undefined {
  const curves = curvesOf(rows);
  const points = [...curves.values()].flat();
  const [first] = rows;
  if (first?.point === undefined || !curves.values().some((curve) => curve.length > 1)) return undefined;
  const x = axis(
    points.map((point) => point.x),
    PLOT.left,
    WIDTH - PLOT.right,
  );
  const y = axis(
    points.map(({ figure }) => figure.value),
    BOTTOM,
    PLOT.top,
  );
  const height = LEGEND.top + Math.ceil(curves.size / 2) * LEGEND.row + 4;
  const numbers = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
  return picture({ width: WIDTH, height }, title, [
    ...y.ticks.flatMap((tick) => [
      line(PLOT.left, y.at(tick), WIDTH - PLOT.right, y.at(tick), "grid"),
      text(PLOT.left - 6, y.at(tick) + 4, numbers.format(tick), "small end"),
    ]),
    ...x.ticks.map((tick) => text(x.at(tick), BOTTOM + 16, numbers.format(tick), "small middle")),
    text(16, 44, first.unit, "small"),
    text(WIDTH - PLOT.right, BOTTOM + 32, first.point.xUnit, "small end"),
    ...[...curves].flatMap(([name, curve], index) => {
      const color = index % COLORS;
      const path = curve
        .map((point) => `${round(x.at(point.x))},${round(y.at(point.figure.value))}`)
        .join(" ");
      return [
        `<polyline class="line color${color}" points="${path}"/>`,
        ...curve.flatMap((point) => markOf(x.at(point.x), point.figure, y.at, color)),
        ...legendOf(name, index, color),
      ];
    }),
  ]);
}

/** By name; ours first. */
function curvesOf(rows: readonly StoredRow[]): ReadonlyMap<string, readonly CurvePoint[]> {
  const curves = new Map<string, CurvePoint[]>(rows.map(({ point }) => [point?.series ?? OURS, []]));
  const add = (name: string, x: number, figure: StoredFigure) => {
    // A logarithmic axis has no 0, and a figure that is none is null in the file.
    if (!(figure.value > 0)) return;
    const curve = curves.get(name) ?? [];
    if (!curve.some((point) => point.x === x)) curve.push({ x, figure });
    curves.set(name, curve);
  };
  for (const { point, ours, floor } of rows.toSorted((a, b) => (a.point?.x ?? 0) - (b.point?.x ?? 0))) {
    if (point === undefined) continue;
    add(point.series ?? OURS, point.x, ours);
    if (floor !== undefined) add(floor.what, point.x, floor.value);
  }
  return curves;
}

function axis(values: readonly number[], start: number, end: number) {
  const [from, to] = [Math.min(...values) / 1.3, Math.max(...values) * 1.3];
  const at = (value: number) => start + (Math.log(value / from) / Math.log(to / from)) * (end - start);
  return { at, ticks: logTicks(from, to) };
}

function markOf(
  x: number,
  { value, least, most }: StoredFigure,
  y: (value: number) => number,
  color: number,
) {
  const dot = `<circle class="fill${color}" cx="${round(x)}" cy="${round(y(value))}" r="3.5"/>`;
  return least === undefined || most === undefined
    ? [dot]
    : [line(x, y(least), x, y(most), `spread color${color}`), dot];
}

function legendOf(name: string, index: number, color: number): string[] {
  const [column, row] = [index % 2, Math.floor(index / 2)];
  const [x, y] = [PLOT.left + column * LEGEND.column, LEGEND.top + row * LEGEND.row];
  return [
    `<rect class="fill${color}" x="${x}" y="${y - 9}" width="10" height="10" rx="2"/>`,
    text(x + 16, y, name, "small"),
  ];
}
