/** What a benchmark is, and the rows it gives back. */

export interface Goal {
  /** Whether the goal is on our own figure or on its ratio to the floor. */
  readonly of: "ours" | "ratio";
  readonly at: "most" | "least";
  readonly value: number;
}

export interface Row {
  readonly measure: string;
  readonly unit: string;
  readonly ours: number;
  /** The least it could take here, or what else does the same work; measured in the same run. */
  readonly floor?: { readonly what: string; readonly value: number };
  readonly goal?: Goal;
  readonly note?: string;
}

export interface BenchContext {
  /** Tiny counts: shows that the benchmark works, its figures mean nothing. */
  readonly quick: boolean;
  /** The count to use: the first, or with `quick` the second. */
  count(full: number, quick: number): number;
  /** Runs when the benchmark is over, last first, also where it failed. */
  defer(work: () => unknown): void;
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
  /** Why it cannot run here, or undefined. */
  readonly missing?: () => Promise<string | undefined>;
  /** @default 60 */
  readonly limitSeconds?: number;
  readonly run: (context: BenchContext) => Promise<readonly Row[]>;
}

export const atMost = (value: number, of: Goal["of"] = "ratio"): Goal => ({ of, at: "most", value });
export const atLeast = (value: number, of: Goal["of"] = "ratio"): Goal => ({ of, at: "least", value });

export function ratioOf(row: Row): number | undefined {
  return row.floor === undefined ? undefined : row.ours / row.floor.value;
}

export function isMet(row: Row): boolean | undefined {
  if (row.goal === undefined) return undefined;
  const value = row.goal.of === "ours" ? row.ours : ratioOf(row);
  if (value === undefined) return undefined;
  return row.goal.at === "most" ? value <= row.goal.value : value >= row.goal.value;
}
