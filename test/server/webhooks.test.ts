/** Webhooks that could never be sent are refused when they are asked for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { TaskSpecSchema } from "../../src/wire/gen/flyteidl2/task/task_definition_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";

test("a condition whose webhook could never be sent is refused", async (t) => {
  const { transport } = await startInProcess(t, createFakeExecutor());
  const run = { project: "flytesnacks", domain: "development", name: "r1" };
  const taskSpec = create(TaskSpecSchema, {
    taskTemplate: {
      id: { name: "env.task", version: "1" },
      type: "python",
      target: { case: "container", value: { image: "fake:1", args: ["a0"] } },
    },
  });
  await createClient(RunService, transport).createRun({
    id: { case: "runId", value: run },
    task: { case: "taskSpec", value: taskSpec },
  });
  const enqueue = (name: string, url: string) =>
    createClient(ActionsService, transport).enqueue({
      action: {
        actionId: { run, name },
        parentActionName: "a0",
        spec: { case: "condition", value: { name: "approve", webhook: { url } } },
      },
    });
  for (const url of ["not a URL", "https://me:secret@127.0.0.1:1/"]) {
    const [result] = await Promise.allSettled([enqueue("c1", url)]);
    assert.equal(result.status, "rejected", url);
    const { rawMessage, metadata } = ConnectError.from((result as PromiseRejectedResult).reason);
    assert.match(rawMessage, /URL of the webhook of condition/u);
    assert.equal(metadata.get("boxkite-error-code"), "INVALID_ARGUMENT");
  }
  await enqueue("c2", "http://hooks.invalid/");
});
