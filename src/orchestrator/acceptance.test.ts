import assert from "node:assert/strict";
import { test } from "node:test";
import type { NewAction } from "../domain/action-record.ts";
import { LOCAL } from "../domain/principal.ts";
import type { RunRecord } from "../domain/run.ts";
import { createAcceptance, type AcceptanceOptions } from "./acceptance.ts";

const RUN = { key: { project: "p", domain: "development", run: "r" } } as unknown as RunRecord;

/** Of a store in which `names` are the actions of the run. */
function acceptance(names: readonly string[]) {
  const reads: string[] = [];
  const store = {
    getAction: async ({ action }: { action: string }) => {
      reads.push(action);
      return names.includes(action) ? { key: { action } } : undefined;
    },
    createAction: async (_: RunRecord, { name, parent }: NewAction) => {
      if (names.includes(name)) return "exists";
      return parent === "nap" ? "parent_sleeps" : { name };
    },
  };
  const accept = store.createAction;
  const options = {
    store,
    accept,
    queues: new Map(),
    executor: {},
    egress: {},
  } as unknown as AcceptanceOptions;
  return { ...createAcceptance(options), reads };
}

const action = (name: string, queue = "") => ({ kind: "trace", name, queue }) as unknown as NewAction;

test("an action that is accepted, or is there already, is not read before", async () => {
  const { enqueue, reads } = acceptance(["old"]);
  assert.deepEqual(await enqueue(RUN, action("new"), LOCAL), { name: "new" });
  assert.equal(await enqueue(RUN, action("old"), LOCAL), "exists");
  assert.deepEqual(reads, []);
});

test("an action that the settings refuse now is found where it was accepted before", async () => {
  const { enqueue } = acceptance(["old"]);
  assert.equal(await enqueue(RUN, action("old", "gone"), LOCAL), "exists");
  await assert.rejects(enqueue(RUN, action("new", "gone"), LOCAL), /gone/u);
});

test("a child of a sleep is refused by the names of both", async () => {
  const { enqueue } = acceptance([]);
  const child = { ...action("c1"), parent: "nap" };
  await assert.rejects(enqueue(RUN, child, LOCAL), /parent action nap of c1 is a sleep/u);
});
