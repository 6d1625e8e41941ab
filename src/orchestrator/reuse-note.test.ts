import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReusePolicy } from "../domain/reuse-policy.ts";
import { reuseNote } from "./reuse-note.ts";

const REUSE: ReusePolicy = {
  minReplicas: 0,
  maxReplicas: 1,
  concurrency: 1,
  idleTtlMs: 30_000,
  scaledownTtlMs: 30_000,
  scope: "global",
};
const TASK = { name: "env.task", image: "app:1", reuse: REUSE, env: {} };
const WARM = { description: "podman 4.3.1", pools: () => [] };

test("a policy without effect is noted, with what would give it one", () => {
  const of = (env: Record<string, string>, executor: Parameters<typeof reuseNote>[2] = WARM) =>
    reuseNote(TASK, { env }, executor);
  assert.match(
    of({}, { description: "process" })?.text ?? "",
    /env\.task .* keeps no workers, with process/u,
  );
  assert.match(of({ BOXKITE_STRICT_IMAGE: "true" })?.text ?? "", /BOXKITE_STRICT_IMAGE/u);
  assert.match(of({ BOXKITE_WARM_START: "off" })?.mend ?? "", /leave BOXKITE_WARM_START out/u);
  assert.equal(of({}), undefined);
  const own = { ...TASK, env: { BOXKITE_WARM_START: "one-shot" } };
  assert.equal(reuseNote(own, { env: { BOXKITE_WARM_START: "off" } }, WARM), undefined);
  const { reuse: _, ...plain } = TASK;
  assert.equal(reuseNote(plain, { env: {} }, { description: "process" }), undefined);
});
