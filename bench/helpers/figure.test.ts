import assert from "node:assert/strict";
import { test } from "node:test";
import { mapFigure, ratioBetween, sumOf, summary, valueOf } from "./figure.ts";

test("a ratio is the median of the ratios of each round: what slows both in a round does not count", () => {
  const quiet = ratioBetween(summary([10, 10, 10]), summary([5, 5, 5]));
  const loaded = ratioBetween(summary([10, 90, 10]), summary([5, 45, 5]));
  assert.deepEqual(valueOf(loaded), valueOf(quiet));
  assert.equal(typeof loaded === "number" ? 0 : loaded.most, 2);
});

test("where rounds do not pair the ratio is that of the medians, without a spread", () => {
  assert.equal(ratioBetween(summary([2, 4, 6]), summary([2, 2])), 2);
});

test("a number stands for every round", () => {
  assert.deepEqual(ratioBetween(summary([2, 4]), 2), summary([1, 2]));
  assert.equal(ratioBetween(6, 3), 2);
});

test("two parts are added round by round", () => {
  assert.deepEqual(sumOf(summary([1, 2, 3]), summary([10, 20, 30])), summary([11, 22, 33]));
  assert.deepEqual(
    mapFigure(summary([1, 2]), (value) => value * 10),
    summary([10, 20]),
  );
});
