import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import type { Container } from "./container.ts";
import { RemoteController } from "./remote-controller.ts";
import type { ActiveContext } from "../sdk/authoring/active-context.ts";
import type { TaskReference } from "../sdk/authoring/task.ts";
import { TaskService } from "../wire/gen/flyteidl2/task/task_service_pb.js";

test("a deployed task that could not be looked up is looked up again by the next call of it", async () => {
  let lookups = 0;
  const transport = createRouterTransport(({ rpc }) =>
    rpc(TaskService.method.getTaskDetails, () => {
      lookups++;
      throw new ConnectError("cut off", Code.Unavailable);
    }),
  );
  const given = { org: "", project: "p", domain: "d", version: "1", run: "r", action: "a0", runBaseDir: "" };
  const container = { arguments: given, env: {}, rootDir: "/" } as unknown as Container;
  const controller = new RemoteController(container, transport);
  const reference: TaskReference = {
    defined: "elsewhere",
    name: "team.task",
    project: undefined,
    domain: undefined,
    version: { exact: "1" },
    declared: undefined,
    options: {},
  };
  const call = () => controller.callReference(reference, {}, {} as ActiveContext);
  // Calls at the same time share one.
  await Promise.all([call(), call()].map((called) => assert.rejects(called, /cut off/u)));
  assert.equal(lookups, 1);
  await assert.rejects(call(), /cut off/u);
  assert.equal(lookups, 2);
});
