/** The results that docs/performance.md is made from: a file for each benchmark, whose rows are replaced one by one. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StoredRow } from "./stored-row.ts";

export const RESULTS = join(import.meta.dirname, "../results");

export interface MergeOptions {
  /** The benchmark came to its end: rows that it no longer has are dropped. */
  readonly isComplete: boolean;
  /** It measured products of others too; else their rows stay as they were. */
  readonly peers: boolean;
}

/** New rows take the place of those of the same name and floor, the others stay in their order. */
export function mergeRows(
  before: readonly StoredRow[],
  now: readonly StoredRow[],
  { isComplete, peers }: MergeOptions,
): readonly StoredRow[] {
  const replaced = new Map(now.map((row) => [rowName(row), row]));
  const kept = before.filter(
    (row) => replaced.has(rowName(row)) || !isComplete || (row.floor?.isPeer === true && !peers),
  );
  const names = new Set(kept.map(rowName));
  return [
    ...kept.map((row) => replaced.get(rowName(row)) ?? row),
    ...now.filter((row) => !names.has(rowName(row))),
  ];
}

function rowName({ measure, floor }: StoredRow): string {
  return JSON.stringify([measure, floor?.what]);
}

export interface Results {
  /** The program with which it last came to its end, and whether products of others were measured too. */
  readonly completed?: { readonly source: string; readonly peers: boolean };
  readonly rows: readonly StoredRow[];
}

const NONE: Results = { rows: [] };

export function readResults(benchmark: string, directory = RESULTS): Results {
  const file = fileOf(benchmark, directory);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Results) : NONE;
}

export function writeResults(benchmark: string, results: Results, directory = RESULTS): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(fileOf(benchmark, directory), `${JSON.stringify(results, undefined, 2)}\n`);
}

/** Whether nothing is left to do: a series that was interrupted goes on with the next benchmark. */
export function isDone({ completed }: Results, source: string, peers: boolean): boolean {
  return completed?.source === source && (completed.peers || !peers);
}

function fileOf(benchmark: string, directory: string): string {
  return join(directory, `${benchmark}.json`);
}
