import assert from "node:assert/strict";
import { test } from "node:test";
import { atLeast, atMost } from "../helpers/measure.ts";
import { goalChart, shareOfGoal } from "./bar-chart.ts";
import { rowWith } from "./fixtures.ts";
import { scalingChart } from "./line-chart.ts";
import { logTicks } from "./svg.ts";

test("the share of a goal is at most 1 where it is met, whichever way it points", () => {
  assert.equal(shareOfGoal(rowWith({ goal: atMost(4, "ours") })), 0.5);
  assert.equal(shareOfGoal(rowWith({ goal: atLeast(4, "ours") })), 2);
  assert.equal(shareOfGoal(rowWith({ goal: atMost(0.5), ratio: { value: 0.25 } })), 0.5);
  assert.equal(shareOfGoal(rowWith({})), undefined);
  assert.equal(shareOfGoal(rowWith({ goal: atMost(1) })), undefined);
});

test("a goal of 0 has no bar, whether it is met or missed", () => {
  const zero = (value: number) => rowWith({ goal: atMost(0, "ours"), ours: { value } });
  assert.equal(shareOfGoal(zero(0)), undefined);
  assert.equal(shareOfGoal(zero(3)), undefined);
  assert.equal(goalChart("Goals", [zero(3)]), undefined);
  assert.doesNotMatch(
    goalChart("Goals", [zero(3), rowWith({ goal: atMost(4, "ours") })]) ?? "",
    /NaN|Infinity/u,
  );
});

test("a bar for each goal, in the colour of its verdict; none without a goal", () => {
  const met = rowWith({ measure: "fast <1>", goal: atMost(4, "ours") });
  const missed = rowWith({ measure: "slow", goal: atMost(1, "ours") });
  const svg = goalChart("Goals", [met, missed, rowWith({ measure: "no goal" })]) ?? "";
  assert.equal(svg.match(/class="met"/gu)?.length, 1);
  assert.equal(svg.match(/class="missed"/gu)?.length, 1);
  assert.match(svg, /fast &lt;1&gt;/u);
  assert.doesNotMatch(svg, /no goal/u);
  assert.equal(goalChart("Goals", [rowWith({})]), undefined);
});

test("text and background change together with the reader's colour scheme", () => {
  const svg = goalChart("Goals", [rowWith({ goal: atMost(4, "ours") })]) ?? "";
  const [, dark = ""] = svg.split("prefers-color-scheme: dark");
  assert.match(dark, /text \{ fill: #f0f6fc; \}/u);
  assert.match(dark, /\.background \{ fill: #0d1117;/u);
  assert.match(svg, /<rect class="background"/u);
});

test("a curve for ours and for each floor, with a point for each size", () => {
  const point = (x: number) => ({ chart: "fan-out", x, xUnit: "children" });
  const floor = { what: "published", value: { value: 8 } };
  const rows = [rowWith({ point: point(1_000), floor }), rowWith({ point: point(6_000), floor })];
  const svg = scalingChart("Fan-out", rows) ?? "";
  assert.equal(svg.match(/<polyline/gu)?.length, 2);
  assert.equal(svg.match(/<circle/gu)?.length, 4);
  assert.match(svg, />published</u);
  assert.doesNotMatch(svg, /NaN/u);
  assert.equal(scalingChart("Fan-out", rows.slice(1)), undefined, "one point is no curve");
});

test("a figure that is 0, or none, is no point of a curve", () => {
  const row = (x: number, value: number) =>
    rowWith({ point: { chart: "steps", x, xUnit: "steps" }, ours: { value } });
  const svg = scalingChart("Steps", [row(10, 0), row(20, 2), row(30, Number.NaN), row(40, 3)]) ?? "";
  assert.equal(svg.match(/<circle/gu)?.length, 2);
  assert.equal(scalingChart("Steps", [row(10, 0), row(20, 2)]), undefined);
});

test("rows of one chart may belong to several curves of ours", () => {
  const row = (series: string, x: number) =>
    rowWith({ point: { chart: "steps", series, x, xUnit: "steps" } });
  const svg = scalingChart("Steps", [row("a", 10), row("a", 20), row("b", 10), row("b", 20)]) ?? "";
  assert.equal(svg.match(/<polyline/gu)?.length, 2);
  assert.equal(svg.match(/<circle/gu)?.length, 4);
});

test("an axis has ticks at 1, 2 and 5 of each power of ten in its range", () => {
  assert.deepEqual(logTicks(0.15, 12), [0.2, 0.5, 1, 2, 5, 10]);
  assert.throws(() => logTicks(0, 1), RangeError);
  assert.throws(() => logTicks(0.1, Infinity), RangeError);
});
