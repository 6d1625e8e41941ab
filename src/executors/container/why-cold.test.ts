import assert from "node:assert/strict";
import { test } from "node:test";
import { adaptedAttempt } from "../../../test/helpers/adapted-attempt.ts";
import type { AttemptSpec } from "../executor.ts";
import type { AdaptedAttempt } from "../start-adapter.ts";
import { NO_POLICY } from "./confinement.ts";
import { whyCold } from "./why-cold.ts";

const REUSE = {
  minReplicas: 0,
  maxReplicas: 1,
  concurrency: 1,
  idleTtlMs: 30_000,
  scaledownTtlMs: 30_000,
  scope: "run",
  shares: "s",
} as const;

test("an attempt with a policy that gets a container of its own says why", () => {
  const warm = { setting: "one_shot", pools: { states: () => [] } } as const;
  const of = (more: Partial<AttemptSpec>, adapted: Partial<AdaptedAttempt> = {}) =>
    whyCold({ ...adaptedAttempt({ reuse: REUSE, ...more }), ...adapted }, warm, NO_POLICY);
  assert.equal(of({ network: "none" }), "the task has no network");
  assert.match(of({ ociRuntime: "runsc" }) ?? "", /runsc/u);
  assert.equal(of({}, { worker: { cold: "its own program" } }), "its own program");
  assert.match(of({}) ?? "", /no worker of its pool/u);
  assert.equal(of({ warmStart: "off" }), undefined);
  assert.equal(whyCold(adaptedAttempt(), warm, NO_POLICY), undefined);
});
