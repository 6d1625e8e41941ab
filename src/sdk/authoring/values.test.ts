import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { compileInterface } from "./interface.ts";
import { decodeInputs, encodeInputs } from "./values.ts";

test("an input may have the name of something that every object inherits", async () => {
  const inputs = { constructor: z.string().default("none"), toString: z.string().optional() };
  const compiled = compileInterface("env.task", { inputs });
  const encoded = await encodeInputs("env.task", compiled, {});
  assert.deepEqual(await decodeInputs("env.task", compiled, encoded), {
    constructor: "none",
    toString: undefined,
  });
});
