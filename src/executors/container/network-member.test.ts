import assert from "node:assert/strict";
import { test } from "node:test";
import { containerName } from "./container-spec.ts";
import { memberOfLabels, runOwner } from "./network-member.ts";

const RUN = { project: "p", domain: "d", run: "r" };
const OWN = { "dev.boxkite.project": "p", "dev.boxkite.domain": "d", "dev.boxkite.run": "r" };

test("a container is on the network of its run, or a worker of no run has one to itself", () => {
  const attempt = {
    ...OWN,
    "dev.boxkite.kind": "attempt",
    "dev.boxkite.action": "a0",
    "dev.boxkite.attempt": "1",
  };
  const key = { ...RUN, action: "a0", attempt: 1 };
  assert.deepEqual(memberOfLabels("i", attempt), { name: containerName("i", key), owner: runOwner(RUN) });
  const worker = { ...OWN, "dev.boxkite.kind": "worker", "dev.boxkite.worker": "w", "dev.boxkite.pool": "x" };
  assert.deepEqual(memberOfLabels("i", worker), { name: "w", owner: runOwner(RUN) });
  const { "dev.boxkite.run": _run, ...shared } = worker;
  assert.deepEqual(memberOfLabels("i", shared), { name: "w", owner: "worker w" });
  assert.equal(memberOfLabels("i", { ...worker, "dev.boxkite.kind": "probe" }), undefined);
  assert.equal(memberOfLabels("i", {}), undefined);
});
