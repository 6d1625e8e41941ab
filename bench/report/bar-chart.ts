/** Each goal as a bar: how far the figure is from it. The dashed line is the goal, and shorter is better. */
import { line, logTicks, picture, round, text } from "./svg.ts";
import type { StoredRow } from "./stored-row.ts";
import { amount, goalText } from "./table.ts";

const LABEL_WIDTH = 400;
const WIDTH = 860;
const ROW_HEIGHT = 24;
const TOP = 64;
const RIGHT = 110;

/** Undefined where no row has a goal. */
export function goalChart(title: string, rows: readonly StoredRow[]): string | undefined {
  const bars = rows.flatMap((row) => {
    const share = shareOfGoal(row);
    return share === undefined ? [] : [{ row, share }];
  });
  if (bars.length === 0) return undefined;
  const shares = bars.map(({ share }) => share);
  // The axis is logarithmic: twice as good is as far from the goal as half as good.
  const [from, to] = [Math.min(0.1, ...shares) / 1.2, Math.max(2, ...shares) * 1.2];
  const x = (share: number) =>
    LABEL_WIDTH + (Math.log(share / from) / Math.log(to / from)) * (WIDTH - LABEL_WIDTH - RIGHT);
  const height = TOP + bars.length * ROW_HEIGHT + 16;
  const ticks = logTicks(from, to).filter((tick) => tick === 1 || Number.isInteger(Math.log10(tick)));
  return picture({ width: WIDTH, height }, title, [
    text(16, 44, "share of the goal that is used, logarithmic; left of the line: met", "small"),
    ...ticks.flatMap((tick) => [
      line(x(tick), TOP - 4, x(tick), height - 12, tick === 1 ? "goal" : "grid"),
      text(x(tick), TOP - 8, tick === 1 ? "goal" : `${tick} ×`, "small middle"),
    ]),
    ...bars.flatMap(({ row, share }, index) => {
      const y = TOP + index * ROW_HEIGHT;
      const right = x(share);
      return [
        text(LABEL_WIDTH - 8, y + 15, shortened(row.measure), "end"),
        `<rect class="${share <= 1 ? "met" : "missed"}" x="${LABEL_WIDTH}" y="${y + 4}" width="${round(Math.max(1, right - LABEL_WIDTH))}" height="14" rx="2"/>`,
        text(Math.max(right, LABEL_WIDTH) + 6, y + 15, labelOf(row), "small"),
      ];
    }),
  ]);
}

/** At most 1 where the goal is met; undefined where there is none, or no figure, or where either is 0. */
export function shareOfGoal({ goal, ours, ratio }: StoredRow): number | undefined {
  if (goal === undefined) return undefined;
  const value = (goal.of === "ours" ? ours : ratio)?.value;
  // A goal of 0 is met or missed, and has no share; nor has a figure of 0 on a logarithmic axis.
  if (value === undefined || !(value > 0) || !(goal.value > 0)) return undefined;
  return goal.at === "most" ? value / goal.value : goal.value / value;
}

function labelOf({ goal, ours, ratio, unit }: StoredRow): string {
  if (goal === undefined) return "";
  const value =
    goal.of === "ours" ? `${amount(ours.value)} ${unit}` : `${amount(ratio?.value ?? Number.NaN)} ×`;
  return `${value} (${goalText(goal, unit)})`;
}

const LONGEST_LABEL = 58;

function shortened(measure: string): string {
  return measure.length <= LONGEST_LABEL ? measure : `${measure.slice(0, LONGEST_LABEL - 1)}…`;
}
