import assert from "node:assert/strict";
import { test } from "node:test";
import { IMAGE } from "../../../test/helpers/resolved-image.ts";
import type { AttemptSpec } from "../executor.ts";
import type { AdaptedAttempt } from "../start-adapter.ts";
import { NO_POLICY } from "./confinement.ts";
import { whyCold } from "./why-cold.ts";

const SPEC: AttemptSpec = {
  key: { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 },
  image: IMAGE,
  command: [],
  args: ["a0"],
  env: {},
  ownVariables: [],
  requests: {},
  limits: {},
  labels: {},
  reuse: {
    minReplicas: 0,
    maxReplicas: 1,
    concurrency: 1,
    idleTtlMs: 30_000,
    scaledownTtlMs: 30_000,
    scope: "run",
    shares: "s",
  },
};

test("an attempt with a policy that gets a container of its own says why", () => {
  const warm = { setting: "one_shot", pools: { states: () => [] } } as const;
  const words = () => ["python"];
  const worker = { language: "python", words, replacesEntrypoint: false, mounts: [], args: [] } as const;
  const of = (more: Partial<AttemptSpec>, adapted: Partial<AdaptedAttempt> = {}) =>
    whyCold(
      { spec: { ...SPEC, ...more }, start: { engine: "e", adaptations: [] }, worker, ...adapted },
      warm,
      NO_POLICY,
    );
  assert.equal(of({ network: "none" }), "the task has no network");
  assert.match(of({ ociRuntime: "runsc" }) ?? "", /runsc/u);
  assert.equal(of({}, { worker: { cold: "its own program" } }), "its own program");
  assert.match(of({}) ?? "", /no worker of its pool/u);
  assert.equal(of({ warmStart: "off" }), undefined);
  const { reuse: _, ...plain } = SPEC;
  assert.equal(
    whyCold({ spec: plain, start: { engine: "e", adaptations: [] }, worker }, warm, NO_POLICY),
    undefined,
  );
});
