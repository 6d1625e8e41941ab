import assert from "node:assert/strict";
import { test } from "node:test";
import { containerName, LABEL } from "./container-spec.ts";
import { OwnContainers } from "./own-containers.ts";

const KEY = { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 };
const LEFT = containerName("i", KEY);
const OTHER = containerName("i", { ...KEY, attempt: 2 });

function listing(...answers: (() => Promise<Record<string, string>[]>)[]) {
  const asked: (readonly string[])[] = [];
  return {
    asked,
    listContainers: async (labels: readonly string[]) => {
      asked.push(labels);
      const found = (await answers.shift()?.()) ?? [];
      return found.map((labelled, n) => ({ id: `c${n}`, labels: labelled }));
    },
  };
}

const LABELS = {
  [LABEL.kind]: "attempt",
  [LABEL.project]: "p",
  [LABEL.domain]: "d",
  [LABEL.run]: "r",
  [LABEL.action]: "a0",
  [LABEL.attempt]: "1",
};

test("an attempt may have the container that was left of it, or that is being made, until that is removed", async () => {
  const api = listing(async () => [LABELS, { [LABEL.kind]: "worker" }]);
  const own = new OwnContainers(api, "i");
  assert.deepEqual(await Promise.all([own.mayInclude(LEFT), own.mayInclude(OTHER)]), [true, false]);
  own.add(OTHER);
  own.removed(LEFT);
  assert.deepEqual([await own.mayInclude(LEFT), await own.mayInclude(OTHER)], [false, true]);
  assert.deepEqual(api.asked, [[`${LABEL.instance}=i`]]);
});

test("an engine that does not answer is asked again", async () => {
  const api = listing(
    () => Promise.reject(new Error("unreachable")),
    async () => [LABELS],
  );
  const own = new OwnContainers(api, "i");
  const both = await Promise.allSettled([own.mayInclude(LEFT), own.mayInclude(OTHER)]);
  assert.deepEqual(
    both.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.equal(await own.mayInclude(LEFT), true);
  assert.equal(api.asked.length, 2);
});
