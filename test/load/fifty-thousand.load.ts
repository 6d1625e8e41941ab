/**
 * 50,000 actions in one run: accepted, listed in full, watched to the last. Run by `npm run test:load`; it
 * takes a minute or two and wants the machine to itself.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { TaskSpecSchema } from "../../src/wire/gen/flyteidl2/task/task_definition_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";

const COUNT = 50_000;
const AT_ONCE = 64;

test("50,000 actions in one run", { timeout: 900_000 }, async (t) => {
  const executor = createFakeExecutor((attempt) => {
    // Children crash at once, which is an end; the root goes on.
    if (attempt.spec.key.action !== "a0") {
      setImmediate(() =>
        attempt.observer.ended({ reason: "start_failed", outOfMemory: false, code: "StartFailed" }),
      );
    }
  });
  const { transport } = await startInProcess(t, executor, { maxParallel: 64 });
  const runs = createClient(RunService, transport);
  const actions = createClient(ActionsService, transport);
  const spec = create(TaskSpecSchema, {
    taskTemplate: {
      id: { name: "env.leaf", version: "1" },
      type: "python",
      target: { case: "container", value: { image: "fake:1", args: ["a0"] } },
    },
  });
  const runId = { project: "flytesnacks", domain: "development", name: "load" };
  await runs.createRun({ id: { case: "runId", value: runId }, task: { case: "taskSpec", value: spec } });
  const abort = new AbortController();
  const told = new Set<string>();
  let lastAt = 0;
  const watching = (async () => {
    const parentActionId = { run: runId, name: "a0" };
    const stream = actions.watchForUpdates(
      { filter: { case: "parentActionId", value: parentActionId } },
      { signal: abort.signal },
    );
    for await (const { message } of stream) {
      if (message.case !== "actionUpdate" || message.value.phase !== ActionPhase.FAILED) continue;
      told.add(message.value.actionId?.name ?? "");
      lastAt = Date.now();
      if (told.size === COUNT) return;
    }
  })();

  const began = Date.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < COUNT) {
        const name = `leaf${next++}`;
        await actions.enqueue({
          action: {
            actionId: { run: runId, name },
            parentActionName: "a0",
            inputUri: `s3://boxkite/${runId.project}/${runId.domain}/runs/${runId.name}/inputs.pb`,
            spec: { case: "task", value: { spec } },
          },
        });
      }
    }),
  );
  const enqueued = Date.now();
  await watching;
  const listBegan = Date.now();
  const listed = new Set<string>();
  let token = "";
  do {
    const page = await runs.listActions({ runId, request: { limit: 1000, token } });
    for (const action of page.actions) listed.add(action.id?.name ?? "");
    token = page.token;
  } while (token !== "");
  assert.equal(listed.size, COUNT + 1);
  assert.equal(told.size, COUNT);
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  t.diagnostic(
    `enqueued in ${seconds(enqueued - began)}, all ended and told ${seconds(lastAt - enqueued)} later, listed in ${seconds(Date.now() - listBegan)}, memory ${Math.round(process.memoryUsage().rss / 1e6)} MB (client included)`,
  );
});
