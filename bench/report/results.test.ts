import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CIRCUMSTANCES, rowWith } from "./fixtures.ts";
import { isDone, mergeRows, readResults, writeResults } from "./results.ts";
import type { StoredRow } from "./stored-row.ts";

const floor = (what: string, isPeer = false): NonNullable<StoredRow["floor"]> => ({
  what,
  value: { value: 1 },
  ...(isPeer && { isPeer }),
});
const names = (rows: readonly StoredRow[]) => rows.map(({ measure, ours }) => `${measure} ${ours.value}`);
const value = (number: number) => ({ ours: { value: number } });

test("new rows take the place of those of the same name and floor, in their order", () => {
  const before = [
    rowWith({ measure: "a", ...value(1) }),
    rowWith({ measure: "a", floor: floor("x"), ...value(2) }),
    rowWith({ measure: "b", ...value(3) }),
  ];
  const now = [
    rowWith({ measure: "a", floor: floor("x"), ...value(9) }),
    rowWith({ measure: "c", ...value(8) }),
  ];
  assert.deepEqual(names(mergeRows(before, now, { isComplete: false, peers: false })), [
    "a 1",
    "a 9",
    "b 3",
    "c 8",
  ]);
});

test("a benchmark that came to its end drops the rows that it no longer has, but not those of peers", () => {
  const before = [
    rowWith({ measure: "gone", ...value(1) }),
    rowWith({ measure: "a", floor: floor("peer", true), ...value(2) }),
  ];
  const now = [rowWith({ measure: "a", ...value(3) })];
  assert.deepEqual(names(mergeRows(before, now, { isComplete: true, peers: false })), ["a 2", "a 3"]);
  assert.deepEqual(names(mergeRows(before, now, { isComplete: true, peers: true })), ["a 3"]);
});

test("a series goes on behind what was completed with the same program", () => {
  const { source } = CIRCUMSTANCES;
  assert.ok(!isDone({ rows: [rowWith({})] }, source, false), "it failed");
  assert.ok(isDone({ completed: { source, peers: false }, rows: [] }, source, false));
  assert.ok(!isDone({ completed: { source, peers: false }, rows: [] }, source, true), "peers are wanted");
  assert.ok(!isDone({ completed: { source: "other", peers: true }, rows: [] }, source, false));
});

test("results are read as they were written; there are none of a benchmark that never ran", () => {
  const directory = mkdtempSync(join(tmpdir(), "boxkite-results-"));
  try {
    assert.deepEqual(readResults("start", directory), { rows: [] });
    const results = { completed: { source: "s", peers: true }, rows: [rowWith({})] };
    writeResults("start", results, directory);
    assert.deepEqual(readResults("start", directory), results);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
