import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { encodeLiteral } from "./encode.ts";
import { childActionName, hashInputs, hashTaskIdentity } from "./hash.ts";
import { encodeMsgpack } from "./msgpack.ts";
import { canonicalMsgpack } from "./msgpack-canonical.ts";
import { NamedLiteralSchema } from "../gen/flyteidl2/task/common_pb.js";

/** docs/typescript/action-names.md prints these vectors; the stock SDK makes the same names of the same parts. */
const VECTORS = [
  { parent: "a0", inputsHash: "", identity: "x", sequence: 1, name: "73x7tydoomney9yvd82cn5b0x" },
  { parent: "a0", inputsHash: "", identity: "x", sequence: 2, name: "2pv44meu835pd4dl3k7wm35mn" },
  {
    parent: "a0",
    inputsHash: "h",
    identity: "x",
    sequence: 1,
    group: "g",
    name: "984pbaixt59qu3xjdad1xp0o5",
  },
];

test("names of children: fixed vectors", () => {
  for (const { name, ...parts } of VECTORS) assert.equal(childActionName(parts), name);
});

test("an identity depends on name, interface and code, and on nothing else", () => {
  const identity = hashTaskIdentity("env.task", "interface", "code");
  assert.notEqual(identity, hashTaskIdentity("env.task", "interface", "code2"));
  assert.equal(identity, hashTaskIdentity("env.task", "interface", "code"));
});

test("the hash of inputs: ignored ones don't count, equal objects are equal in any order", () => {
  const integer = (name: string, value: number) =>
    create(NamedLiteralSchema, {
      name,
      value: encodeLiteral(value, { kind: "integer", bigint: false }, name),
    });
  const struct = (value: unknown) =>
    create(NamedLiteralSchema, {
      name: "s",
      value: encodeLiteral(value, { kind: "struct", schema: undefined }, "s"),
    });
  assert.equal(hashInputs([]), "");
  assert.equal(
    hashInputs([integer("a", 1), integer("t", 5)], ["t"]),
    hashInputs([integer("a", 1), integer("t", 6)], ["t"]),
  );
  assert.notEqual(hashInputs([integer("a", 1)]), hashInputs([integer("b", 1)]));
  assert.equal(
    hashInputs([struct({ a: 1, b: { c: 1, d: 2 } })]),
    hashInputs([struct({ b: { d: 2, c: 1 }, a: 1 })]),
  );
});

test("canonical msgpack keeps floats floats, and leaves alone what it cannot read", () => {
  const floats = { properties: { a: { type: "number" }, b: { type: "integer" } } } as const;
  const reversed = { properties: { b: { type: "integer" }, a: { type: "number" } } } as const;
  assert.deepEqual(
    canonicalMsgpack(encodeMsgpack({ a: 1, b: 1 }, reversed)),
    Buffer.from(encodeMsgpack({ a: 1, b: 1 }, floats)),
  );
  const broken = Uint8Array.of(0x81, 0xa1);
  assert.equal(canonicalMsgpack(broken), broken);
});
