/** A figure of a row: one number, or the median of several rounds with its spread. */
import { median } from "./stats.ts";

export interface Summary {
  /** The median. */
  readonly value: number;
  /** Of all rounds. */
  readonly least: number;
  readonly most: number;
  /** One value of each round, in their order: the rounds of two summaries pair. */
  readonly rounds: readonly number[];
}

export type Figure = number | Summary;

export function summary(rounds: readonly number[]): Summary {
  return { value: median(rounds), least: Math.min(...rounds), most: Math.max(...rounds), rounds };
}

export function valueOf(figure: Figure): number {
  return typeof figure === "number" ? figure : figure.value;
}

/**
 * The median of the ratios of each round, since what slowed the machine in a round slowed both; where the rounds do not
 * pair, the ratio of the medians.
 */
export function ratioBetween(ours: Figure, floor: Figure): Figure {
  return combine(ours, floor, (a, b) => a / b);
}

/** Of two parts that are measured one after the other. */
export function sumOf(one: Figure, other: Figure): Figure {
  return combine(one, other, (a, b) => a + b);
}

export function mapFigure(figure: Figure, change: (value: number) => number): Figure {
  return typeof figure === "number" ? change(figure) : mapSummary(figure, change);
}

export function mapSummary({ rounds }: Summary, change: (value: number) => number): Summary {
  return summary(rounds.map(change));
}

function combine(one: Figure, other: Figure, by: (a: number, b: number) => number): Figure {
  if (typeof one === "number") return mapFigure(other, (b) => by(one, b));
  if (typeof other === "number") return mapFigure(one, (a) => by(a, other));
  if (one.rounds.length !== other.rounds.length) return by(one.value, other.value);
  return summary(one.rounds.map((a, round) => by(a, other.rounds[round] ?? Number.NaN)));
}
