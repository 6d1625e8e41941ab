import assert from "node:assert/strict";
import { test } from "node:test";
import { median, quantile, shuffled, takeTurns } from "./stats.ts";

test("the median of an even number of values lies between the two in the middle", () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([3, 1, 2]), 2);
  assert.ok(Number.isNaN(median([])));
});

test("the 10th and the 90th percentile of few values are the outermost", () => {
  assert.equal(quantile([5, 1, 4, 2, 3], 0.1), 1);
  assert.equal(quantile([5, 1, 4, 2, 3], 0.9), 5);
});

test("each round draws an order of its own, and results stand in the order of rounds", async () => {
  const order: string[] = [];
  const work = (name: string) => async () => order.push(name);
  const draws = [0.9, 0, 0, 0.9];
  const results = await takeTurns(2, { a: work("a"), b: work("b") }, undefined, () => draws.shift() ?? 0);
  assert.deepEqual(order, ["b", "a", "a", "b"]);
  assert.deepEqual(results, { a: [2, 3], b: [1, 4] });
});

test("every order of three is drawn", () => {
  const orders = new Set<string>();
  for (let first = 0; first < 3; first++)
    for (let second = 0; second < 2; second++) {
      const draws = [first / 3, second / 2, 0];
      orders.add(shuffled(["a", "b", "c"], () => draws.shift() ?? 0).join(""));
    }
  assert.equal(orders.size, 6);
});

test("when the time is used up no further round begins, and the first is always whole", async () => {
  let calls = 0;
  const results = await takeTurns(5, { a: async () => ++calls, b: async () => ++calls }, AbortSignal.abort());
  assert.equal(results.a.length + results.b.length, 2);
});
