/** A run whose task is seen to run, on a fake executor. */
import assert from "node:assert/strict";
import { createClient, type Transport } from "@connectrpc/connect";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { SCOPE, taskSpec } from "../../bench/helpers/requests.ts";
import type { FakeAttempt, FakeExecutor } from "./fake-executor.ts";
import { until } from "./until.ts";

/** Its attempt. */
export async function startTask(
  transport: Transport,
  executor: FakeExecutor,
  name: string,
): Promise<FakeAttempt> {
  const runs = createClient(RunService, transport);
  const runId = { ...SCOPE, name };
  await runs.createRun({
    id: { case: "runId", value: runId },
    task: { case: "taskSpec", value: taskSpec({ command: ["true"] }) },
  });
  // Recorded after it has started.
  await until(async () => {
    const { details } = await runs.getRunDetails({ runId });
    return details?.action?.status?.phase === ActionPhase.RUNNING;
  });
  const attempt = executor.started.at(-1);
  assert.ok(attempt !== undefined);
  return attempt;
}
