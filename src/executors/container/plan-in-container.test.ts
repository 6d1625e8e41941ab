import assert from "node:assert/strict";
import { test } from "node:test";
import type { AttemptSpec } from "../executor.ts";
import { NO_POLICY } from "./confinement.ts";
import { planInContainer } from "./plan-in-container.ts";

const SPEC: AttemptSpec = {
  key: { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 },
  image: { reference: "i", pinned: "i@sha256:1", digest: "sha256:1", source: "registry" },
  command: [],
  args: ["a0"],
  env: {},
  ownVariables: [],
  requests: {},
  limits: {},
  labels: {},
};

test("containers that no socket or no file can be brought into have no workers", () => {
  const coldOf = (more: Partial<AttemptSpec>) => {
    const words = () => ["python"];
    const worker = { language: "python", words, replacesEntrypoint: false, mounts: [], args: [] } as const;
    const adapted = { spec: { ...SPEC, ...more }, start: { engine: "e", adaptations: [] }, worker };
    const planned = planInContainer(adapted, "one_shot", NO_POLICY);
    return "cold" in planned ? planned.cold : undefined;
  };
  assert.equal(coldOf({}), undefined);
  assert.equal(coldOf({ readOnlyRoot: true }), undefined);
  assert.equal(coldOf({ secretFiles: { "/s": "s" } }), undefined);
  assert.match(coldOf({ readOnlyRoot: true, secretFiles: { "/s": "s" } }) ?? "", /read-only/u);
  assert.match(coldOf({ ociRuntime: "runsc" }) ?? "", /runsc/u);
});
