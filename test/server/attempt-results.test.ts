/** Inputs and results of attempts whose executor reads and writes them in their place. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { encodeErrorDocument } from "../../src/runtime/error-document.ts";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { OutputsSchema } from "../../src/wire/gen/flyteidl2/task/common_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { taskSpec } from "../../bench/helpers/requests.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { auditLines } from "../helpers/audit-lines.ts";
import { until } from "../helpers/until.ts";

const runId = { project: "flytesnacks", domain: "development", name: "r" };

async function subject(t: TestContext) {
  const executor = createFakeExecutor();
  const { transport, directory } = await startInProcess(t, executor);
  const runs = createClient(RunService, transport);
  await runs.createRun({
    id: { case: "runId", value: runId },
    task: { case: "taskSpec", value: taskSpec({ command: ["true"] }) },
  });
  const action = async () => (await runs.getRunDetails({ runId })).details?.action;
  const reached = (phase: ActionPhase) => until(async () => (await action())?.status?.phase === phase);
  const error = async () => {
    const result = (await action())?.result;
    return result?.case === "errorInfo" ? result.value.message : "";
  };
  await reached(ActionPhase.RUNNING);
  const [attempt] = executor.started;
  const objects = attempt?.spec.objects;
  assert.ok(objects !== undefined);
  return { executor, directory, objects, reached, error };
}

async function* contentOf(...chunks: readonly Uint8Array[]) {
  yield* chunks;
}

test("outputs that an executor stores for an attempt are those of its action; with the attempt its rights end", async (t) => {
  const { executor, directory, objects, reached } = await subject(t);
  assert.ok((await objects.readInputs(1_000)) !== undefined);
  assert.equal(await objects.readInputs(-1), undefined);
  const outputs = toBinary(OutputsSchema, create(OutputsSchema));
  await objects.writeResult("outputs.pb", contentOf(outputs));
  await objects.writeResult("outputs.pb", contentOf(outputs));
  executor.end("a0");
  await reached(ActionPhase.SUCCEEDED);
  await assert.rejects(objects.writeResult("outputs.pb", contentOf(outputs)), { code: "UNAUTHENTICATED" });
  await assert.rejects(objects.readInputs(1_000), { code: "UNAUTHENTICATED" });
  const ofTask = auditLines(directory).filter(({ who }) => who.startsWith("task "));
  const written = ofTask.filter(({ call, result }) => call === "S3/PutObject" && result === "ok");
  assert.deepEqual(
    written.map(({ on }) => on.map(({ key }) => key)),
    [1, 2].map(() => ["flytesnacks/development/runs/r/a0/1/outputs.pb"]),
  );
  assert.equal(ofTask.filter(({ kind }) => kind === "denied").length, 2);
});

test("an error that an executor stores for an attempt is that of its action", async (t) => {
  const { executor, objects, reached, error } = await subject(t);
  const document = encodeErrorDocument({
    code: "ValueError",
    message: "no such thing",
    kind: "user",
    recoverable: false,
  });
  await objects.writeResult("error.pb", contentOf(document.subarray(0, 5), document.subarray(5)));
  executor.end("a0");
  await reached(ActionPhase.FAILED);
  assert.match(await error(), /^no such thing/u);
});

test("who is to blame for an exit depends on whether the runtime had its inputs, also where they came with its order", async (t) => {
  for (const [hasInputs, message] of [
    [false, /before true began the task/u],
    [true, /the task's own code, or a library that it uses, ended the process/u],
  ] as const) {
    const { executor, objects, reached, error } = await subject(t);
    await objects.readInputs(1_000);
    if (hasInputs) objects.inputsTaken();
    executor.end("a0", { exitCode: 1 });
    await reached(ActionPhase.FAILED);
    assert.match(await error(), message);
  }
});
