import assert from "node:assert/strict";
import { test } from "node:test";
import { atLeast, atMost, type Benchmark } from "../helpers/measure.ts";
import { summary } from "../helpers/figure.ts";
import { CIRCUMSTANCES, rowWith } from "./fixtures.ts";
import { storedRow } from "./stored-row.ts";
import { amount, formatRow, formatTable } from "./table.ts";

const NONE = { durability: "none", isolation: "none" };
const BENCHMARK: Benchmark = {
  name: "bench",
  about: "",
  conditions: { durability: "on disk", isolation: "a container" },
  floorConditions: NONE,
  run: async () => [],
};

test("a row is kept with its ratio, its verdict and the conditions of both sides", () => {
  const stored = storedRow(
    {
      measure: "a",
      unit: "ms",
      ours: summary([20, 10, 30]),
      floor: { what: "floor", value: summary([10, 10, 10]) },
      goal: atMost(1.5),
    },
    BENCHMARK,
    CIRCUMSTANCES,
  );
  assert.deepEqual(stored.ratio, { value: 2, least: 1, most: 3, rounds: 3 });
  assert.equal(stored.isMet, false);
  assert.deepEqual(stored.conditions, BENCHMARK.conditions);
  assert.deepEqual(stored.floorConditions, NONE);
});

test("a goal on our own figure needs no floor", () => {
  const row = { measure: "a", unit: "/s", ours: 25_000, goal: atLeast(20_000, "ours") };
  const stored = storedRow(row, BENCHMARK, CIRCUMSTANCES);
  assert.equal(stored.isMet, true);
  assert.equal(formatRow(stored), "goal ≥ 20,000 /s, met  |  a  |  25,000 /s");
});

test("the ratio stands first, with its spread", () => {
  const row = rowWith({
    ratio: { value: 0.5, least: 0.4, most: 0.6 },
    goal: atMost(1),
    isMet: true,
    floor: { what: "floor", value: { value: 4 } },
  });
  const [, , line] = formatTable([row], false).split("\n");
  assert.equal(line, "| 0.50 (0.40–0.60) × | ≤ 1 × | met | measure | 2.00 (1.00–3.00) ms | 4.00 ms: floor |");
});

test("figures have three digits, small ones more, and none is a question mark", () => {
  assert.deepEqual([12_345, 123.4, 12.34, 1.234, 0.0123].map(amount), [
    "12,345",
    "123",
    "12.3",
    "1.23",
    "0.0123",
  ]);
  assert.equal(amount(Number.NaN), "?");
  assert.equal(amount(null), "?");
});
