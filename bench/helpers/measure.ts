/** What a benchmark is, and the rows it gives back. */
import { ratioBetween, valueOf, type Figure } from "./figure.ts";

export interface Goal {
  /** Whether the goal is on our own figure or on its ratio to the floor. */
  readonly of: "ours" | "ratio";
  readonly at: "most" | "least";
  readonly value: number;
}

/** Only what is equally durable and equally isolated may be compared without a word. */
export interface Conditions {
  /** What is on disk before it is answered. */
  readonly durability: string;
  /** What separates one action from another. */
  readonly isolation: string;
}

export interface Floor {
  readonly what: string;
  readonly value: Figure;
  /** @default those of the benchmark */
  readonly conditions?: Conditions;
  /** Of a product that was measured only with `--peers`. */
  readonly isPeer?: boolean;
  /** A figure that somebody published, or that was measured on another day: it is not paired with ours. */
  readonly isFixed?: boolean;
}

export interface Row {
  readonly measure: string;
  readonly unit: string;
  readonly ours: Figure;
  /** The least it could take here, or what else does the same work; measured in the same run. */
  readonly floor?: Floor;
  readonly goal?: Goal;
  readonly note?: string;
  /** @default those of the benchmark */
  readonly conditions?: Conditions;
  /** The row is a point of a curve: docs/performance.md draws one picture for each `chart`. */
  readonly point?: Point;
}

export interface Point {
  readonly chart: string;
  /** The curve that ours belongs to. @default Boxkite */
  readonly series?: string;
  readonly x: number;
  /** What x counts: "children". */
  readonly xUnit: string;
}

export interface BenchContext {
  /** Tiny counts: shows that the benchmark works, its figures mean nothing. */
  readonly quick: boolean;
  /** Whether products of others are measured too. */
  readonly peers: boolean;
  /** The directory of the vendor's own benchmark scripts, where there is one. */
  readonly vendor?: string;
  /** The count to use: the first, or with `quick` the second. */
  count(full: number, quick: number): number;
  /** Prints a row at once; for benchmarks that take minutes. Rows that are returned are printed at the end. */
  row(row: Row): void;
  /** Runs when the benchmark is over, last first, also where it failed. */
  defer(work: () => unknown): void;
  /** Runs after all that, for what is used until then. */
  deferToEnd(work: () => unknown): void;
  /** A directory that is removed at the end; on the disk that durable figures are about. */
  directory(): Promise<string>;
  /** Aborts when the benchmark has used up its time. */
  readonly signal: AbortSignal;
  /** What is being done, for whoever waits. */
  say(text: string): void;
}

export interface Benchmark {
  readonly name: string;
  readonly about: string;
  /** Of ours. */
  readonly conditions: Conditions;
  /** Of its floors and peers that do not say otherwise. */
  readonly floorConditions: Conditions;
  /** Why it cannot run here, or undefined. */
  readonly missing?: (options: Pick<BenchContext, "vendor">) => Promise<string | undefined>;
  /** @default 60 */
  readonly limitSeconds?: number;
  /** Takes more than ten minutes: runs with `--long`, or where it is named. @default false */
  readonly isLong?: boolean;
  readonly run: (context: BenchContext) => Promise<readonly Row[]>;
}

export const atMost = (value: number, of: Goal["of"] = "ratio"): Goal => ({ of, at: "most", value });
export const atLeast = (value: number, of: Goal["of"] = "ratio"): Goal => ({ of, at: "least", value });

export function ratioOf({ ours, floor }: Row): Figure | undefined {
  return floor === undefined ? undefined : ratioBetween(ours, floor.value);
}

export function isMet(row: Row): boolean | undefined {
  if (row.goal === undefined) return undefined;
  const figure = row.goal.of === "ours" ? row.ours : ratioOf(row);
  if (figure === undefined) return undefined;
  const value = valueOf(figure);
  return row.goal.at === "most" ? value <= row.goal.value : value >= row.goal.value;
}
