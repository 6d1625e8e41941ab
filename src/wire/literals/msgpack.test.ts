import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonSchema } from "./json-schema.ts";
import { matchesSchema } from "./matches.ts";
import { decodeMsgpack, encodeMsgpack } from "./msgpack.ts";

/** Names that every object inherits. */
const INHERITED = ["constructor", "toString", "hasOwnProperty"];

test("an entry follows its schema whatever it is called", () => {
  const floats: JsonSchema = { type: "object", additionalProperties: { type: "number" } };
  const dates: JsonSchema = {
    type: "object",
    additionalProperties: { type: "string", format: "date-time", "x-js-type": "Date" },
  };
  const day = new Date("2026-01-02T03:04:05Z");
  const encodedAs = (name: string) => encodeMsgpack({ [name]: 1 }, floats).slice(-9);
  for (const name of INHERITED) {
    assert.deepEqual(encodedAs(name), encodedAs("plain"), name);
    const read = decodeMsgpack(encodeMsgpack({ [name]: day }, dates), dates);
    assert.deepEqual(read, { [name]: day });
  }
});

test("a property that an object only inherits is not one of its own", () => {
  for (const name of INHERITED) {
    const schema: JsonSchema = { type: "object", properties: { [name]: { type: "string" } } };
    assert.deepEqual(decodeMsgpack(encodeMsgpack({}, schema), schema), {}, name);
    assert.equal(matchesSchema({}, { ...schema, required: [name] }, schema), false, name);
    assert.equal(
      matchesSchema({ [name]: "x" }, { type: "object", additionalProperties: false }, {}),
      false,
      name,
    );
  }
});

test("an accessor of a class is a property", () => {
  class Square {
    readonly side = 2;
    get area(): number {
      return this.side ** 2;
    }
  }
  const integer = { type: "integer" };
  const schema: JsonSchema = { type: "object", properties: { side: integer, area: integer } };
  assert.deepEqual(decodeMsgpack(encodeMsgpack(new Square(), schema), schema), { side: 2, area: 4 });
});

test("what would arrive as another value is refused by its path where no schema says what it is", () => {
  class Counter {
    #count = 1;
    get count(): number {
      return this.#count;
    }
  }
  const circular: { list: unknown[] } = { list: [] };
  circular.list.push(circular);
  const refused: readonly (readonly [unknown, RegExp])[] = [
    [{ at: [new Date(0)] }, /^value\.at\[0\]: a Date would arrive as a string; declare it with z\.date\(\)/],
    [{ big: 5n }, /^value\.big: a bigint would arrive as a number/],
    [[new Counter()], /^value\[0\]: an object of class Counter cannot be carried: .*private fields/],
    [{ late: Promise.resolve(1) }, /^value\.late: an object of class Promise/],
    [{ tags: new Set() }, /^value\.tags: an object of class Set/],
    [{ weights: new Float32Array(2) }, /^value\.weights: an object of class Float32Array/],
    [[1, undefined], /^value\[1\]: undefined would arrive as null/],
    [circular, /^value\.list\[0\]: it contains itself/],
    ["ab".match(/b/), /^value\.index: an array is carried without further properties/],
    [JSON.parse('{"__proto__": 1}'), /^value: an object cannot have the key __proto__/],
  ];
  for (const [value, message] of refused) {
    assert.throws(() => encodeMsgpack(value, undefined), { name: "ValueError", message });
    const open: JsonSchema = { type: "object", properties: { any: {} } };
    const inside = new RegExp(message.source.replace("^value", "^value\\.any"));
    assert.throws(() => encodeMsgpack({ any: value }, open), { message: inside });
  }
  const carried = { a: [1, null, "x", { b: undefined, c: -0.5 }], bytes: new Uint8Array([1]) };
  const arrived = decodeMsgpack(encodeMsgpack(carried, undefined), undefined);
  assert.deepEqual(arrived, { a: [1, null, "x", { c: -0.5 }], bytes: new Uint8Array([1]) });
});
