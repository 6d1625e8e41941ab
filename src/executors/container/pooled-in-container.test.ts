import assert from "node:assert/strict";
import { test } from "node:test";
import { FAKE_SPEC } from "../../../test/helpers/fake-workers.ts";
import type { ContainerState, EngineInfo } from "../../containers/types.ts";
import { NO_POLICY } from "./confinement.ts";
import { limitFactsIn, type LimitSource } from "./pooled-in-container.ts";

const REUSE = {
  minReplicas: 1,
  maxReplicas: 1,
  idleTtlMs: 1,
  scaledownTtlMs: 1,
  scope: "run",
  shares: "e",
} as const;

test("memory is no attempt's fault where another one of its worker may have met the limit", async () => {
  const state = { running: true, exitCode: 0, oomKilled: true } as ContainerState;
  // A kill is all that is known of memory there.
  const source = {
    api: { onThisMachine: false, inspectContainer: async () => state },
    settings: { info: { cgroupVersion: "1" } as EngineInfo, policy: NO_POLICY },
  } satisfies LimitSource;
  const isOut = async (concurrency: number, hasWorkerEnded: boolean) => {
    const spec = { ...FAKE_SPEC, limits: { memoryBytes: 1 }, reuse: { ...REUSE, concurrency } };
    const question = { spec, exitCode: 137, sinceMs: 0, stopRequested: false, hasWorkerEnded };
    return (await limitFactsIn(source, "worker", question)).outOfMemory;
  };
  assert.deepEqual(await Promise.all([isOut(1, false), isOut(2, false), isOut(2, true)]), [
    true,
    false,
    true,
  ]);
});
