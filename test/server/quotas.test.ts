/** A task that starts runs, or calls, for ever is stopped, and others are not. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { DEFAULT_QUOTAS, type Quotas } from "../../src/domain/quotas.ts";
import { RelationType } from "../../src/wire/gen/flyteidl2/common/run_pb.js";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { ProjectService } from "../../src/wire/gen/flyteidl2/project/project_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { SCOPE, taskSpec } from "../../bench/helpers/requests.ts";
import { asAttempt } from "../helpers/attempt-objects.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { until } from "../helpers/until.ts";

async function subject(t: TestContext, quotas: Partial<Quotas>) {
  const executor = createFakeExecutor();
  const { transport, url } = await startInProcess(t, executor, {
    quotas: { ...DEFAULT_QUOTAS, ...quotas },
  });
  const runs = createClient(RunService, transport);
  await createClient(ProjectService, transport).createProject({ project: { id: "other", name: "other" } });
  const start = (name: string, startedBy?: string, scope: { project: string; domain: string } = SCOPE) =>
    runs.createRun({
      id: { case: "runId", value: { ...scope, name } },
      task: { case: "taskSpec", value: taskSpec({ command: ["true"] }) },
      ...(startedBy !== undefined && {
        runSpec: {
          relation: { relationType: RelationType.SPAWN, relatedTo: { ...scope, name: startedBy } },
        },
      }),
    });
  return { runs, start, url, executor, data: createClient(DataProxyService, transport) };
}

async function exceeded(call: Promise<unknown>, quota: string): Promise<void> {
  const error = await call.then(() => undefined, ConnectError.from);
  assert.equal(error?.code, Code.ResourceExhausted, "it was accepted");
  assert.equal(error.metadata.get("boxkite-error-code"), "QUOTA_EXCEEDED");
  assert.ok(error.rawMessage.includes(`quotas: ${quota}`), error.rawMessage);
}

test("runs of a project that have not ended", async (t) => {
  const { runs, start } = await subject(t, { liveRuns: 3 });
  for (const name of ["a", "b"]) await start(name);
  await start("c", undefined, { ...SCOPE, domain: "production" });
  await exceeded(start("d"), "live-runs");
  await start("elsewhere", undefined, { ...SCOPE, project: "other" });
  await runs.abortRun({ runId: { ...SCOPE, name: "a" } });
  await until(
    async () =>
      start("d").then(
        () => true,
        () => false,
      ),
    5_000,
  );
  await exceeded(start("e"), "live-runs");
});

test("a run that is sent again exists, also where the quota is used up", async (t) => {
  const { start } = await subject(t, { liveRuns: 1 });
  await start("a");
  await assert.rejects(start("a"), { code: Code.AlreadyExists });
});

test("runs that tasks start: how many, directly and indirectly", async (t) => {
  const { start } = await subject(t, { startedRuns: 3 });
  await start("first");
  await start("one", "first");
  await start("two", "one");
  await start("three", "first");
  await exceeded(start("four", "first"), "started-runs");
  await exceeded(start("five", "two"), "started-runs");
  await start("second");
  await start("six", "second");
});

test("runs that tasks start: how deep", async (t) => {
  const { start } = await subject(t, { depth: 2 });
  await start("a");
  await start("b", "a");
  await start("c", "b");
  await exceeded(start("d", "c"), "depth");
  await start("d", "b");
});

test("calls per second, of the protocol and of pages", async (t) => {
  const { runs, url } = await subject(t, { callsPerSecond: 5 });
  const call = () =>
    runs.listRuns({ scopeBy: { case: "projectId", value: { name: "other", domain: "development" } } });
  const answers = await Promise.allSettled(Array.from({ length: 50 }, call));
  const refused = answers.filter((answer) => answer.status === "rejected");
  assert.ok(refused.length > 0 && refused.length < 50, `${refused.length} were refused`);
  for (const { reason } of refused)
    await exceeded(Promise.reject(ConnectError.from(reason)), "calls-per-second");
  const pages = await Promise.all(
    Array.from({ length: 50 }, () => fetch(`${url}/v2/domain/development/project/other/runs`)),
  );
  assert.ok(pages.some(({ status }) => status === 429));
  for (const page of pages) await page.body?.cancel();
});

test("stored bytes: what is uploaded, and what a task stores", async (t) => {
  const { start, data, executor, url } = await subject(t, { storedBytes: 1_000 });
  await start("r");
  await until(async () => executor.started.length > 0);
  const [attempt] = executor.started;
  assert.ok(attempt);
  const uri = "s3://boxkite/flytesnacks/development/runs/r/a0/1/raw/file";
  const locate = () => data.createUploadLocation({ ...SCOPE, filename: "f" });
  const early = await locate();
  assert.equal(await asAttempt(url, attempt, "PUT", uri, "x".repeat(1_000)), 200);
  assert.equal(await asAttempt(url, attempt, "PUT", `${uri}2`), 403);
  assert.equal(await asAttempt(url, attempt, "GET", uri), 200);
  await exceeded(locate(), "stored-gib");
  await exceeded(start("other"), "stored-gib");
  const late = await fetch(early.signedUrl, { method: "PUT", body: "x" });
  assert.match(await late.text(), /<Code>QuotaExceeded<.*project flytesnacks stores/su);
  await start("elsewhere", undefined, { ...SCOPE, project: "other" });
});
