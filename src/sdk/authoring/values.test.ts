import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { compileInterface } from "./interface.ts";
import { json } from "./schema.ts";
import { decodeInputs, decodeOutputs, encodeInputs, encodeOutputs } from "./values.ts";

test("an input may have the name of something that every object inherits", async () => {
  const inputs = { constructor: z.string().default("none"), toString: z.string().optional() };
  const compiled = compileInterface("env.task", { inputs });
  const encoded = await encodeInputs("env.task", compiled, {});
  assert.deepEqual(await decodeInputs("env.task", compiled, encoded), {
    constructor: "none",
    toString: undefined,
  });
});

test("an output that may be absent is absent, and one that may be null is null", async () => {
  const outputs = {
    absent: z.string().optional(),
    nothing: z.string().nullable(),
    either: z.string().nullish(),
  };
  const compiled = compileInterface("env.task", { outputs });
  const returned = { absent: undefined, nothing: null, either: null };
  const encoded = await encodeOutputs("env.task", compiled, returned);
  assert.deepStrictEqual(await decodeOutputs("env.task", compiled, encoded), returned);
});

test("a value without a schema is refused by its path if it would not arrive as it is", async () => {
  const compiled = compileInterface("env.task", { inputs: { any: json() }, output: z.unknown() });
  await assert.rejects(encodeInputs("env.task", compiled, { any: { at: new Date() } }), {
    name: "ValueError",
    message: /^env\.task, input any\.at: a Date would arrive as a string/,
  });
  await assert.rejects(encodeOutputs("env.task", compiled, [new Map()]), {
    message: /^env\.task, output\[0\]: an object of class Map cannot be carried/,
  });
});
