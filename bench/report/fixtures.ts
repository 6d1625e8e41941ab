/** Rows for the tests of the report. */
import type { Conditions } from "../helpers/measure.ts";
import type { Circumstances, StoredRow } from "./stored-row.ts";

const CONDITIONS: Conditions = { durability: "on disk", isolation: "a container" };

export const CIRCUMSTANCES: Circumstances = {
  at: "2030-01-02T03:04:05.000Z",
  machine: "2 × processor, 8 GiB, kernel 6",
  versions: "Node 24",
  source: "0123456789abcdef",
  load: 0.5,
  disk: { p50Ms: 0.15, p99Ms: 0.3 },
};

export function rowWith(more: Partial<StoredRow>): StoredRow {
  return {
    measure: "measure",
    unit: "ms",
    ours: { value: 2, least: 1, most: 3, rounds: 5 },
    conditions: CONDITIONS,
    measured: CIRCUMSTANCES,
    ...more,
  };
}
