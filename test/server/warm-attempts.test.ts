/** An attempt that its executor has started in a worker says so: on its run's page, in the run's document, and to Flyte's clients. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { ROOT, SCOPE, taskSpec } from "../../bench/helpers/requests.ts";
import type { WarmStart } from "../../src/domain/warm-start.ts";
import type { Executor } from "../../src/executors/executor.ts";
import type { RunDocument } from "../../src/domain/run-document.ts";
import { documentPath, runPath } from "../../src/pages/paths.ts";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { until } from "../helpers/until.ts";

const WARM: WarmStart = { mode: "resident", pool: "5f2c", worker: "boxkite-w1", earlierAttempts: 3 };

test("a warm start is recorded and shown", async (t) => {
  const fake = createFakeExecutor();
  const start: Executor["start"] = async (spec, logs, observer) => {
    observer.prepared({ engine: "fake 1", adaptations: [], warm: WARM });
    await fake.start(spec, logs, observer);
  };
  const { transport, url } = await startInProcess(t, { ...fake, start });
  const runs = createClient(RunService, transport);
  const key = { project: SCOPE.project, domain: SCOPE.domain, run: "r" };
  await runs.createRun({
    id: { case: "runId", value: { ...SCOPE, name: "r" } },
    task: { case: "taskSpec", value: taskSpec({ command: ["a0"] }) },
  });
  const document = async () => (await (await fetch(url + documentPath(key))).json()) as RunDocument;
  await until(async () => (await document()).action.attempts[0]?.startedAt !== undefined);
  assert.deepEqual((await document()).action.attempts[0]?.provenance.warm, WARM);
  const page = await (await fetch(url + runPath(key))).text();
  assert.match(page, /warm \(resident\): worker boxkite-w1 of pool 5f2c, after 3 other attempts/u);
  const { details } = await runs.getActionDetails({ actionId: { run: { ...SCOPE, name: "r" }, name: ROOT } });
  const events = details?.attempts[0]?.clusterEvents.map(({ reason }) => reason);
  assert.ok(events?.includes("WarmStart"), String(events));
});
