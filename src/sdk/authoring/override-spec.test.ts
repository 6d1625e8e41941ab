import assert from "node:assert/strict";
import { test } from "node:test";
import { clone, create, equals } from "@bufbuild/protobuf";
import { EXECUTION_OPTIONS, type ExecutionOptions } from "./options.ts";
import { overrideSpec } from "./override-spec.ts";
import { TaskSpecSchema } from "../../wire/gen/flyteidl2/task/task_definition_pb.js";

const deployed = create(TaskSpecSchema, {
  shortName: "train",
  taskTemplate: {
    metadata: { discoveryVersion: "v", retries: { retries: 1 } },
    target: { case: "container", value: { image: "i", env: [{ key: "A", value: "1" }] } },
  },
});

const changes: Required<ExecutionOptions> = {
  resources: { memory: "1Gi", gpu: "A100:2" },
  env: { A: "2", B: "3" },
  secrets: ["key"],
  cache: { salt: "x", serialize: true, ignoredInputs: ["a"], maxAge: "1h" },
  retries: { count: 3, backoff: { base: "1s" } },
  timeout: { maxQueuedTime: "1m" },
  interruptible: true,
  queue: "q",
  podTemplate: "debug",
};

test("every setting is taken over, the queue by the call; what is deployed stays as it is", () => {
  const before = clone(TaskSpecSchema, deployed);
  for (const option of EXECUTION_OPTIONS.filter((name) => name !== "queue")) {
    const spec = overrideSpec(deployed, { [option]: changes[option] });
    assert.ok(!equals(TaskSpecSchema, spec, deployed), option);
  }
  const all = overrideSpec(deployed, { ...changes, shortName: "short" });
  assert.equal(all.shortName, "short");
  const { metadata, securityContext, target, extendedResources } = all.taskTemplate ?? {};
  assert.equal(metadata?.retries?.backoff?.base?.seconds, 1n);
  assert.equal(metadata?.timeouts?.queuedTimeout?.seconds, 60n);
  assert.deepEqual([metadata?.discoverable, metadata?.discoveryVersion], [true, "v-x"]);
  assert.equal(securityContext?.secrets[0]?.envVar, "KEY");
  assert.equal(extendedResources?.gpuAccelerator?.device, "nvidia-tesla-a100");
  assert.ok(target?.case === "container");
  assert.deepEqual(
    target.value.env.map(({ key, value }) => `${key}=${value}`),
    ["A=2", "B=3"],
  );
  assert.equal(overrideSpec(deployed, { cache: "disable" }).taskTemplate?.metadata?.discoverable, false);
  assert.ok(equals(TaskSpecSchema, deployed, before));
});
