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
