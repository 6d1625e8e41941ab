import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Resources_ResourceEntrySchema, Resources_ResourceName } from "./gen/flyteidl2/core/tasks_pb.js";
import { decodeResources, parseQuantity } from "./resources.ts";

const { CPU, MEMORY, GPU, EPHEMERAL_STORAGE } = Resources_ResourceName;

function decoded(...entries: readonly (readonly [Resources_ResourceName, string])[]): unknown {
  const list = entries.map(([name, value]) => create(Resources_ResourceEntrySchema, { name, value }));
  return decodeResources(list, "requests");
}

test("quantities are those of Kubernetes", () => {
  const values: Readonly<Record<string, number>> = {
    "0": 0,
    "2": 2,
    "+2": 2,
    "500m": 0.5,
    "0.25": 0.25,
    ".5": 0.5,
    "2.": 2,
    "1e3": 1000,
    "1E3": 1000,
    "1k": 1000,
    "1Ki": 1024,
    "512Mi": 2 ** 29,
    "4G": 4e9,
    "250000u": 0.25,
  };
  for (const [text, value] of Object.entries(values)) assert.equal(parseQuantity(text, "f"), value, text);
});

test("what is no quantity is refused, and never a number that is none", () => {
  for (const text of [
    "",
    "-1",
    "NaN",
    "Infinity",
    "1K",
    "1e3Mi",
    "1 Gi",
    "0x10",
    "1,5",
    "1constructor",
    "[1]",
  ]) {
    assert.throws(() => parseQuantity(text, "memory"), /memory .* is not a quantity/u, text);
  }
  for (const text of ["1e400", "100E", "9007199254740993"])
    assert.throws(() => parseQuantity(text, "memory"), /more than any machine has/u, text);
});

test("zero is as good as not set", () => {
  assert.deepEqual(decoded([CPU, "0"], [MEMORY, "0Mi"], [GPU, "0"]), {});
  assert.deepEqual(decoded([CPU, "500m"], [MEMORY, "1Gi"], [GPU, "2"]), {
    cpu: 0.5,
    memoryBytes: 2 ** 30,
    gpu: 2,
  });
});

test("an amount that no container could be given is refused with what it means", () => {
  assert.throws(() => decoded([MEMORY, "500m"]), /memory "500m" is 1 byte, too few/u);
  assert.throws(() => decoded([MEMORY, "512"]), /memory "512" is 512 bytes, too few/u);
  assert.throws(() => decoded([GPU, "1.5"]), /gpu "1.5" is no whole number/u);
  assert.throws(() => decoded([CPU, "1"], [CPU, "2"]), /requests cpu is made twice/u);
  assert.throws(() => decoded([EPHEMERAL_STORAGE, "1Gi"]), /requests disk cannot be met/u);
});
