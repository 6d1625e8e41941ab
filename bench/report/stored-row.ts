/** A row as it is kept: with what it says by itself, and when, where and of what it was measured. */
import { valueOf, type Figure } from "../helpers/figure.ts";
import {
  isMet,
  ratioOf,
  type Benchmark,
  type Conditions,
  type Floor,
  type Goal,
  type Point,
  type Row,
} from "../helpers/measure.ts";

export interface StoredFigure {
  readonly value: number;
  /** The least and the most of its rounds. Absent where it was measured once, or counted. */
  readonly least?: number;
  readonly most?: number;
  readonly rounds?: number;
}

export interface StoredRow {
  readonly measure: string;
  readonly unit: string;
  readonly ours: StoredFigure;
  readonly floor?: Omit<Floor, "value" | "conditions"> & { readonly value: StoredFigure };
  readonly ratio?: StoredFigure;
  readonly goal?: Goal;
  readonly isMet?: boolean;
  readonly note?: string;
  readonly conditions: Conditions;
  readonly floorConditions?: Conditions;
  readonly point?: Point;
  readonly measured: Circumstances;
}

export interface Circumstances {
  /** The day and time in UTC, as ISO 8601. */
  readonly at: string;
  /** Processors, memory, kernel. */
  readonly machine: string;
  readonly versions: string;
  /** The trees of `src` and of what measures it in git: the same program, measured in the same way, has the same. */
  readonly source: string;
  /** The load average when its benchmark began. */
  readonly load: number;
  /** Of a write of 4 KiB with fdatasync, in milliseconds. */
  readonly disk: Disk;
}

export interface Disk {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export function storedRow(row: Row, benchmark: Benchmark, measured: Circumstances): StoredRow {
  const ratio = ratioOf(row);
  const met = isMet(row);
  const { measure, unit, floor, goal, note, point } = row;
  return {
    measure,
    unit,
    ours: storedFigure(row.ours),
    ...(floor && { floor: storedFloor(floor) }),
    ...(ratio !== undefined && { ratio: storedFigure(ratio) }),
    ...(goal && { goal }),
    ...(met !== undefined && { isMet: met }),
    ...(note !== undefined && { note }),
    conditions: row.conditions ?? benchmark.conditions,
    ...(floor && { floorConditions: floor.conditions ?? benchmark.floorConditions }),
    ...(point && { point }),
    measured,
  };
}

function storedFloor({ what, value, isPeer, isFixed }: Floor): NonNullable<StoredRow["floor"]> {
  return { what, value: storedFigure(value), ...(isPeer && { isPeer }), ...(isFixed && { isFixed }) };
}

function storedFigure(figure: Figure): StoredFigure {
  const value = rounded(valueOf(figure));
  if (typeof figure === "number" || figure.rounds.length < 2) return { value };
  const { least, most, rounds } = figure;
  return { value, least: rounded(least), most: rounded(most), rounds: rounds.length };
}

/** To four digits: more are never the same twice. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
