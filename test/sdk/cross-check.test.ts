/** The codecs against the stock Python SDK: types, values, msgpack, hashes and names, byte for byte. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { z } from "zod";
import { stockPython } from "../helpers/stock-sdk.ts";
import { compileInterface, encodeInterface } from "../../src/sdk/authoring/interface.ts";
import type { Schema } from "../../src/sdk/authoring/schema.ts";
import { encodeInputs } from "../../src/sdk/authoring/values.ts";
import { decodeLiteral } from "../../src/wire/literals/decode.ts";
import { encodeLiteral } from "../../src/wire/literals/encode.ts";
import {
  childActionName,
  hashCacheKey,
  hashInputs,
  hashInterface,
  hashTaskIdentity,
} from "../../src/wire/literals/hash.ts";
import { encodeLiteralType } from "../../src/wire/literals/literal-type.ts";
import { encodeMsgpack } from "../../src/wire/literals/msgpack.ts";
import type { WireType } from "../../src/wire/literals/wire-type.ts";
import { TypedInterfaceSchema } from "../../src/wire/gen/flyteidl2/core/interface_pb.js";
import { LiteralSchema } from "../../src/wire/gen/flyteidl2/core/literals_pb.js";
import { LiteralTypeSchema } from "../../src/wire/gen/flyteidl2/core/types_pb.js";
import { InputsSchema } from "../../src/wire/gen/flyteidl2/task/common_pb.js";

type Ask = (request: Record<string, unknown>) => Promise<Record<string, string>>;

function startPython(t: TestContext): Ask {
  const child = spawn(stockPython(), [join(import.meta.dirname, "python/cross_check.py")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => child.stdin.end());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await lines.next();
    const result = JSON.parse(String(line.value)) as Record<string, string>;
    if (result["error"] !== undefined) throw new Error(result["error"]);
    return result;
  };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

const SAME: Readonly<Record<string, { schema: Schema; value: unknown }>> = {
  string: { schema: z.string(), value: "text" },
  integer: { schema: z.int(), value: 7 },
  "integer-big": { schema: z.bigint(), value: 2n ** 62n },
  "integer-negative": { schema: z.int(), value: -5 },
  float: { schema: z.number(), value: 2 },
  boolean: { schema: z.boolean(), value: true },
  datetime: { schema: z.date(), value: new Date("2026-01-02T03:04:05.678Z") },
  duration: { schema: z.iso.duration(), value: "PT1H30M0.5S" },
  enum: { schema: z.enum(["red", "green"]), value: "green" },
  list: { schema: z.array(z.int()), value: [1, 2, 3] },
  map: { schema: z.record(z.string(), z.number()), value: { b: 1, a: 0.5 } },
  nested: { schema: z.array(z.record(z.string(), z.array(z.string()))), value: [{ k: ["a", "b"] }] },
  "optional-set": { schema: z.string().nullable(), value: "x" },
  "optional-none": { schema: z.string().nullable(), value: null },
  union: { schema: z.union([z.string(), z.int()]), value: 3 },
  untyped: { schema: z.looseObject({}), value: { a: 1, b: [1.5, "x", null, true], c: { d: 300 } } },
};

const Config = z.object({
  depth: z.int(),
  rate: z.number(),
  name: z.string().default("n"),
  inner: z.object({ tags: z.array(z.string()), big: z.int(), ratio: z.number() }),
  maybe: z.string().nullable(),
});

test("codecs against the stock SDK", async (t) => {
  const ask = startPython(t);

  for (const [name, { schema, value }] of Object.entries(SAME)) {
    await t.test(`${name}: the same bytes, both ways`, async () => {
      const type = typeOf(schema);
      const python = await ask({ do: "encode", name });
      assert.equal(base64(toBinary(LiteralTypeSchema, encodeLiteralType(type))), python["type"]);
      assert.equal(base64(toBinary(LiteralSchema, encodeLiteral(value, type, "value"))), python["literal"]);
      const literal = fromBinary(LiteralSchema, Buffer.from(python["literal"] ?? "", "base64"));
      const decoded = decodeLiteral(literal, type, "value");
      assert.deepEqual(decoded, name === "duration" ? "PT1H30M0.5S" : value);
    });
  }

  await t.test("an object is a typed model in Python, and comes back the same", async () => {
    const type = typeOf(Config);
    const value = {
      depth: 1,
      rate: 2,
      name: "x",
      inner: { tags: ["a"], big: 2 ** 40, ratio: 1 },
      maybe: null,
    };
    const literal = encodeLiteral(value, type, "value");
    const seen = await ask({
      do: "decode",
      type: base64(toBinary(LiteralTypeSchema, encodeLiteralType(type))),
      literal: base64(toBinary(LiteralSchema, literal)),
    });
    assert.match(seen["value"] ?? "", /'model': 'TaskValue'/);
    assert.match(seen["value"] ?? "", /'rate': 2\.0.*'ratio': 1\.0/);
    const back = fromBinary(LiteralSchema, Buffer.from(seen["back"] ?? "", "base64"));
    assert.deepEqual(decodeLiteral(back, type, "value"), value);
  });

  await t.test("a list of objects, and a choice of one", async () => {
    const list = typeOf(z.array(Config.pick({ depth: true, rate: true })));
    const seen = await ask({
      do: "decode",
      type: base64(toBinary(LiteralTypeSchema, encodeLiteralType(list))),
      literal: base64(toBinary(LiteralSchema, encodeLiteral([{ depth: 1, rate: 1 }], list, "value"))),
    });
    assert.match(seen["value"] ?? "", /depth=1, rate=1\.0/);
    const choice = typeOf(z.union([z.string(), z.object({ a: z.int() })]));
    const chosen = await ask({
      do: "decode",
      type: base64(toBinary(LiteralTypeSchema, encodeLiteralType(choice))),
      literal: base64(toBinary(LiteralSchema, encodeLiteral({ a: 1 }, choice, "value"))),
    });
    assert.match(chosen["value"] ?? "", /'a': 1/);
  });

  await t.test("integers and floats of msgpack stay apart, in the shortest form", async () => {
    const schema = { properties: { f: { type: "number" }, i: { type: "integer" } } } as const;
    for (const i of [
      0,
      1,
      127,
      128,
      255,
      256,
      65535,
      65536,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 53 - 1,
      -1,
      -32,
      -33,
      -128,
      -129,
      -32769,
      -(2 ** 31) - 1,
    ]) {
      const bytes = encodeMsgpack({ i, f: i }, schema);
      const python = await ask({ do: "unpack", bytes: base64(bytes) });
      const float = Math.abs(i) >= 1e16 ? undefined : `${i}.0`;
      assert.equal(python["value"], `{'f': ${float}, 'i': ${i}}`);
    }
  });

  await t.test("hashes, cache keys and names of children", async () => {
    const compiled = compileInterface("env.task", {
      inputs: {
        zulu: z.string(),
        alpha: z.record(z.string(), z.int()),
        config: Config,
        any: z.looseObject({}),
      },
      output: z.number(),
    });
    const inputs = await encodeInputs("env.task", compiled, {
      zulu: "ü",
      alpha: { b: 1, a: 2 },
      config: { maybe: "m", depth: 1, rate: 2, inner: { big: 1, tags: [], ratio: 0.5 } },
      any: { z: 1, a: 1.5, m: { y: 1, b: 2 } },
    });
    const typed = encodeInterface(compiled);
    const python = await ask({
      do: "hashes",
      inputs: base64(toBinary(InputsSchema, inputs)),
      interface: base64(toBinary(TypedInterfaceSchema, typed)),
    });
    const inputsHash = hashInputs(inputs.literals);
    const interfaceHash = hashInterface(typed);
    const identity = hashTaskIdentity("env.task", interfaceHash, "v");
    assert.deepEqual(
      {
        inputs: inputsHash,
        interface: interfaceHash,
        identity,
        cache: hashCacheKey({ inputsHash, taskName: "env.task", interfaceHash, cacheVersion: "v" }),
        name: childActionName({ parent: "a0", inputsHash, identity, sequence: 2 }),
        grouped: childActionName({ parent: "a0", inputsHash, identity, sequence: 1, group: "g" }),
      },
      python,
    );
    const reordered = create(InputsSchema, inputs);
    assert.equal(hashInputs(reordered.literals), inputsHash);
  });
});

function typeOf(schema: Schema): WireType {
  const [input] = compileInterface("env.task", { inputs: { value: schema } }).inputs;
  assert.ok(input !== undefined);
  return input.type;
}
