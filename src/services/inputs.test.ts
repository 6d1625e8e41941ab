import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import type { ObjectStore } from "../objects/object-store.ts";
import { InputsSchema } from "../wire/gen/flyteidl2/task/common_pb.js";
import { storeInputs } from "./inputs.ts";

test("inputs that differ in anything lie apart; the same lie together", async () => {
  const written = new Map<string, unknown>();
  const objects = {
    put: async (key: string, bytes: unknown) => void written.set(key, bytes),
  } as unknown as ObjectStore;
  const long = "x".repeat(100);
  const all = [`${long}1`, `${long}2`, `${long}1`].map((value) =>
    create(InputsSchema, { context: [{ key: "trace", value }] }),
  );
  const scope = { project: "p", domain: "d" };
  const stored = [];
  for (const inputs of all) stored.push(await storeInputs({ objects, bucket: "b" }, scope, inputs, []));
  assert.equal(stored[0]?.uri, stored[2]?.uri);
  assert.deepEqual(
    [...written.values()],
    all.slice(0, 2).map((inputs) => toBinary(InputsSchema, inputs)),
  );
  // Caching goes by the values alone.
  assert.equal(stored[0]?.inputsHash, stored[1]?.inputsHash);
});
