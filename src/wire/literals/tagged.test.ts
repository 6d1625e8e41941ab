import assert from "node:assert/strict";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { randomOf, type Random } from "../../../test/helpers/random.ts";
import { decodeMsgpack, encodeMsgpack } from "./msgpack.ts";
import { fromJsonText, tagValue, toJsonText, untagValue } from "./tagged.ts";

function carried(value: unknown): unknown {
  return untagValue(decodeMsgpack(encodeMsgpack(tagValue(value, "value"), undefined), undefined));
}

function randomValue(random: Random, depth: number): unknown {
  const leaf = (): unknown =>
    random.pick<unknown>([
      null,
      undefined,
      true,
      0,
      -0,
      1.5,
      2 ** 53,
      -(2 ** 60),
      1e300,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      12n,
      -(2n ** 80n),
      "",
      "text",
      "\ud83d half",
      new Date(1_700_000_000_123),
      new Date(Number.NaN),
      new Uint8Array([1, 2, 255]),
      Buffer.from("bytes"),
      new Float32Array([1.5, Number.NaN]),
      new BigInt64Array([-5n]),
    ]);
  if (depth === 0 || random.chance(0.4)) return leaf();
  const inner = (): unknown => randomValue(random, depth - 1);
  return random.pick<() => unknown>([
    () => [inner(), inner(), inner()],
    () => ({ a: inner(), b: inner(), constructor: inner() }),
    () => ({ $boxkite: inner(), value: inner() }),
    () => JSON.parse('{"__proto__": {"x": 1}, "y": 2}') as unknown,
    () =>
      new Map<unknown, unknown>([
        ["k", inner()],
        [inner(), inner()],
      ]),
    () => new Set([inner(), inner()]),
  ])();
}

test("a value is afterwards what it was before, in every bit", () => {
  for (let seed = 1; seed <= 2000; seed++) {
    const value = randomValue(randomOf(seed), 4);
    assert.deepStrictEqual(carried(value), value, `seed ${seed}`);
    assert.deepStrictEqual(fromJsonText(toJsonText(value, "value")), value, `seed ${seed}, as text`);
  }
});

test("values of another realm are carried like those of this one", () => {
  const value: unknown = runInContext("({ at: new Date(5), map: new Map([[1, [2]]]) })", createContext());
  assert.deepEqual(carried(value), { at: new Date(5), map: new Map([[1, [2]]]) });
});

test("what would be another value afterwards is refused by its path", () => {
  class Counter {
    #count = 0;
    next(): number {
      return ++this.#count;
    }
  }
  const circular: { self?: unknown } = {};
  circular.self = { inner: [circular] };
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [
      { a: [new Counter()] },
      /^value\.a\[0\]: an object of class Counter cannot be carried: .*private fields/,
    ],
    [{ f: () => 1 }, /^value\.f: a function/],
    [circular, /^value\.self\.inner\[0\]: it contains itself/],
    [new Map([["k", Symbol("s")]]), /^value\.k: /],
    [{ [Symbol("s")]: 1 }, /^value: a property whose key is a symbol/],
    ["ab".match(/b/), /^value\.index: an array is carried without/],
    [{ late: Promise.resolve(1) }, /^value\.late: an object of class Promise/],
    [[new Error("e")], /^value\[0\]: an object of class Error/],
    // oxlint-disable-next-line no-sparse-arrays -- it is what is tested
    [[1, , 3], /^value\[1\]: the array has a hole/],
    [new (class Registry extends Map {})(), /^value: an object of class Registry/],
    [Object.assign(new Date(0), { zone: "UTC" }), /^value: an object of class Date/],
    [{ re: /x/ }, /^value\.re: an object of class RegExp/],
  ];
  for (const [value, message] of refused)
    assert.throws(() => tagValue(value, "value"), { name: "ValueError", message });
  const shared = { a: 1 };
  assert.deepEqual(carried([shared, shared]), [{ a: 1 }, { a: 1 }]);
});

test("an object that only looks tagged is left as it is", () => {
  for (const value of [
    { $boxkite: "Map", value: 1 },
    { $boxkite: "bigint", value: "x" },
    { $boxkite: "Unknown" },
  ])
    assert.deepEqual(untagValue(value), value);
});
