/** Calls about sleeps (flyte.extras.Sleep) that exist already. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { reproductionsPath } from "../../src/services/reproductions.ts";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { SimpleType } from "../../src/wire/gen/flyteidl2/core/types_pb.js";
import { InputsSchema } from "../../src/wire/gen/flyteidl2/task/common_pb.js";
import { TaskSpecSchema } from "../../src/wire/gen/flyteidl2/task/task_definition_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { enqueueRequest, ROOT, SCOPE } from "../../bench/helpers/requests.ts";
import { asAttempt } from "../helpers/attempt-objects.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { startTask } from "../helpers/running-task.ts";

const SLEEP = create(TaskSpecSchema, {
  taskTemplate: {
    id: { ...SCOPE, name: "team.pause", version: "1" },
    type: "core-sleep",
    interface: {
      inputs: {
        variables: [
          { key: "time", value: { type: { type: { case: "simple", value: SimpleType.DURATION } } } },
        ],
      },
    },
    target: { case: "container", value: { image: "none", args: ["a0"] } },
  },
});
const HOUR: MessageInitShape<typeof InputsSchema> = {
  literals: [
    {
      name: "time",
      value: {
        value: {
          case: "scalar",
          value: {
            value: {
              case: "primitive",
              value: { value: { case: "duration", value: { seconds: 3_600n, nanos: 0 } } },
            },
          },
        },
      },
    },
  ],
};

test("a sleep that exists is found also where its input cannot be read any more", async (t) => {
  const executor = createFakeExecutor();
  const { url, transport } = await startInProcess(t, executor);
  const parent = await startTask(transport, executor, "r1");
  const actions = createClient(ActionsService, transport);
  const request = enqueueRequest("r1", "nap", SLEEP);
  const uri = request.action?.inputUri ?? "";
  const inputs = Uint8Array.from(toBinary(InputsSchema, create(InputsSchema, HOUR)));
  assert.equal(await asAttempt(url, parent, "PUT", uri, inputs), 200);
  await actions.enqueue(request);
  assert.equal(await asAttempt(url, parent, "PUT", uri, "no message"), 200);
  const again = await actions.enqueue(request).catch((error: unknown) => ConnectError.from(error).code);
  assert.equal(again, Code.AlreadyExists);
});

test("a run that is a sleep cannot be reproduced, and nothing is named in its place", async (t) => {
  const { url, transport } = await startInProcess(t, createFakeExecutor());
  await createClient(RunService, transport).createRun({
    id: { case: "runId", value: { ...SCOPE, name: "r1" } },
    task: { case: "taskSpec", value: SLEEP },
    inputWrapper: { case: "inputs", value: HOUR },
  });
  const path = reproductionsPath({ ...SCOPE, run: "r1", action: ROOT });
  const answer = await fetch(url + path, { method: "POST", body: "{}" });
  const text = await answer.text();
  assert.equal(answer.status, 400, text);
  assert.match(text, /is a sleep, which runs no program/u);
  assert.doesNotMatch(text, /boxkite reproduce/u);
});
