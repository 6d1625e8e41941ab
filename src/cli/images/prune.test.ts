import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageUses } from "../../domain/build-record.ts";
import { reasonToKeep } from "./prune.ts";

const NOW = 1_000_000_000;
const key = { project: "p", domain: "development", run: "r1" };
const none: ImageUses = { deployments: [], runs: [] };

test("an image that nobody uses may go", () => {
  assert.equal(reasonToKeep(none, 1_000, NOW), undefined);
});

test("a deployment keeps its image for ever", () => {
  const uses = {
    ...none,
    deployments: [{ project: "p", domain: "development", name: "env.task", version: "1" }],
  };
  assert.match(reasonToKeep(uses, 0, NOW) ?? "", /deployed as env\.task 1/u);
});

test("a young or a live run keeps its image, an old one does not", () => {
  const run = (createdAt: number, live: boolean) => ({ ...none, runs: [{ key, createdAt, live }] });
  assert.match(reasonToKeep(run(NOW - 999, false), 1_000, NOW) ?? "", /run r1/u);
  assert.match(reasonToKeep(run(NOW - 99_999, true), 1_000, NOW) ?? "", /run r1/u);
  assert.equal(reasonToKeep(run(NOW - 1_001, false), 1_000, NOW), undefined);
});
