/** Every RPC, page and object calls the one function that authorises, with the caller, the right and the resource. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import type { DescMethod } from "@bufbuild/protobuf";
import { BoxkiteError } from "../../src/domain/errors.ts";
import type { Principal } from "../../src/domain/principal.ts";
import type { Resource, Right } from "../../src/services/access.ts";
import { SERVICES } from "../../src/services/every-service.ts";
import { RPC_RIGHTS } from "../../src/services/rpc-rights.ts";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { TaskService } from "../../src/wire/gen/flyteidl2/task/task_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { enqueueRequest, ROOT, taskSpec } from "../../bench/helpers/requests.ts";
import { callMethod } from "../helpers/call-method.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";

const scope = { project: "flytesnacks", domain: "development" };
const projectId = { name: scope.project, domain: scope.domain };
const runId = { ...scope, name: "r" };
const actionId = { run: runId, name: ROOT };
const taskId = { ...scope, name: "bench.task", version: "1" };
const spec = taskSpec({ command: ["true"] });
const byProject = { case: "projectId", value: projectId } as const;

/** One request for each RPC that asks for a right, in the order of calling. */
const REQUESTS: Readonly<Record<string, object>> = {
  "ProjectService/CreateProject": { project: { id: "other" } },
  "ProjectService/UpdateProject": { project: { id: "other", name: "x" } },
  "ProjectService/GetProject": { id: "other" },
  "ProjectService/ListProjects": {},
  "TaskService/DeployTask": { taskId, spec },
  "TaskService/GetTaskDetails": { taskId },
  "TaskService/ListTasks": { scopeBy: byProject },
  "TaskService/ListVersions": { taskName: taskId },
  "RunService/CreateRun": { id: { case: "runId", value: runId }, task: { case: "taskId", value: taskId } },
  "RunService/GetRunDetails": { runId },
  "RunService/WatchRunDetails": { runId },
  "RunService/GetActionDetails": { actionId },
  "RunService/WatchActionDetails": { actionId },
  "RunService/GetActionDataURIs": { actionId },
  "RunService/ListRuns": {},
  "RunService/WatchRuns": {},
  "RunService/ListActions": { runId },
  "RunService/SignalEvent": { actionId },
  "ActionsService/Enqueue": enqueueRequest("r", "c", spec),
  "ActionsService/WatchForUpdates": { filter: { case: "parentActionId", value: actionId } },
  "ActionsService/Abort": { actionId: { run: runId, name: "c" } },
  "DataProxyService/CreateUploadLocation": { ...scope, filename: "f", filenameRoot: "root" },
  "DataProxyService/UploadInputs": { id: byProject },
  "DataProxyService/CreateDownloadLink": {
    source: { case: "actionAttemptId", value: { actionId, attempt: 1 } },
  },
  "DataProxyService/GetActionData": { actionId },
  "DataProxyService/TailLogs": { actionId, attempt: 9 },
  "ImageService/GetImage": { id: { name: "i" } },
  "ClusterService/SelectCluster": {},
  "IdentityService/UserInfo": {},
  "RunService/AbortAction": { actionId },
  "RunService/AbortRun": { runId },
};

const PAGES: readonly (readonly [method: string, path: string, right: Right, kind: Resource["kind"]])[] = [
  ["GET", "/v2", "read", "runs"],
  ["GET", "/v2/domain/development/project/flytesnacks/runs", "read", "runs"],
  ["GET", "/v2/domain/development/project/flytesnacks/runs/r", "read", "run"],
  ["GET", "/v2/domain/development/project/flytesnacks/runs/r?i=c", "read", "action"],
  ["HEAD", "/v2/domain/development/project/flytesnacks/runs/r/stream", "read", "run"],
  ["HEAD", "/v2/domain/development/project/flytesnacks/runs/r/stream?i=c", "read", "action"],
  ["GET", "/v2/domain/development/project/flytesnacks/runs/r/log", "read", "action"],
  ["POST", "/v2/domain/development/project/flytesnacks/runs/r/abort", "change", "action"],
  ["POST", "/v2/domain/development/project/flytesnacks/runs/r/answer", "change", "action"],
  ["POST", "/v2/domain/development/project/flytesnacks/runs/r/conditions/a0", "change", "action"],
];

test("every RPC, page and object asks who may", async (t) => {
  let asked: { readonly by: Principal; readonly right: Right; readonly resource: Resource }[] = [];
  const { url, transport } = await startInProcess(t, createFakeExecutor(), {
    authorise: (by, right, resource) => {
      asked.push({ by, right, resource });
    },
  });
  const check = (what: string, right: Right, kind: Resource["kind"]) => {
    const found = asked.find((each) => each.right === right && each.resource.kind === kind);
    assert.ok(found, `${what} asked for ${JSON.stringify(asked)}`);
    for (const { by } of asked) assert.deepEqual([by.who, by.from], ["local", "127.0.0.1"], what);
    asked = [];
  };

  await t.test("RPCs", async () => {
    const methods = new Map(
      SERVICES.flatMap((service) =>
        service.methods.map((method) => [`${service.typeName.split(".").at(-1)}/${method.name}`, method]),
      ),
    );
    for (const [name, request] of Object.entries(REQUESTS)) {
      const method = methods.get(name);
      const asks = RPC_RIGHTS[name];
      assert.ok(method && asks !== undefined && asks !== "anyone", `${name} is not in rpc-rights.ts`);
      await call(transport, method, request);
      check(name, asks[0], asks[1]);
    }
    // The table has every one that does anything.
    for (const [name, method] of methods) {
      const asks = RPC_RIGHTS[name];
      if (asks === "anyone") {
        assert.equal(await call(transport, method, {}), undefined, name);
        assert.deepEqual(asked, [], name);
      }
      if (asks !== undefined)
        assert.equal(asks !== "anyone", name in REQUESTS, `${name} is not in this test`);
      if (asks !== undefined || method.methodKind === "client_streaming") continue;
      if (method.methodKind === "bidi_streaming") continue;
      assert.equal(await call(transport, method, {}), Code.Unimplemented, `${name} is not in rpc-rights.ts`);
    }
  });

  await t.test("pages", async () => {
    for (const [method, path, right, kind] of PAGES) {
      const headers = { origin: url, "user-agent": "a browser" };
      const response = await fetch(url + path, {
        method,
        headers,
        redirect: "manual",
        ...(method === "POST" && { body: "{}" }),
      });
      await response.body?.cancel();
      assert.equal(asked[0]?.by.client, "a browser");
      check(path, right, kind);
    }
  });

  await t.test("objects", async () => {
    const data = createClient(DataProxyService, transport);
    const place = await data.createUploadLocation({ ...scope, filename: "f", filenameRoot: "root" });
    asked = [];
    assert.equal((await fetch(place.signedUrl, { method: "PUT", body: "x" })).status, 200);
    // Before the content comes, and when it has come.
    assert.deepEqual(
      asked.map(({ by, right, resource }) => [by.who, by.from, right, resource.kind]),
      Array(2).fill(["local", "127.0.0.1", "create", "place"]),
    );
  });
});

test("nobody gives a run, or deploys with a task, an object that they may not read or change", async (t) => {
  const { transport } = await startInProcess(t, createFakeExecutor(), {
    authorise: (_, right, resource) => {
      if (resource.kind === "object" && resource.key.includes("other/"))
        throw new BoxkiteError("INVALID_ARGUMENT", `no ${right}: ${resource.key}`);
    },
  });
  const runs = createClient(RunService, transport);
  const bundled = taskSpec({ command: ["true"] });
  if (bundled.taskTemplate?.target.case === "container")
    bundled.taskTemplate.target.value.args = ["--tgz", "s3://boxkite/other/code.tgz"];
  const blob = { value: { case: "blob", value: { uri: "s3://boxkite/other/blob" } } } as const;
  const literal = { value: { case: "scalar", value: { value: blob.value } } } as const;
  const common = { id: byProject, task: { case: "taskSpec", value: spec } } as const;
  const refused = {
    "read: other/code.tgz": () => runs.createRun({ ...common, task: { case: "taskSpec", value: bundled } }),
    "read: other/inputs": () =>
      runs.createRun({
        ...common,
        inputWrapper: { case: "offloadedInputData", value: { uri: "s3://boxkite/other/inputs" } },
      }),
    "read: other/blob": () =>
      runs.createRun({
        ...common,
        inputWrapper: { case: "inputs", value: { literals: [{ name: "x", value: literal }] } },
      }),
    "change: flytesnacks/development/other/": () =>
      runs.createRun({
        ...common,
        runSpec: { rawDataStorage: { rawDataPrefix: "s3://boxkite/flytesnacks/development/other" } },
      }),
    "read: other/code.tgz ": () => createClient(TaskService, transport).deployTask({ taskId, spec: bundled }),
  };
  for (const [what, attempt] of Object.entries(refused))
    await assert.rejects(attempt(), { rawMessage: `no ${what.trim()}` });
});

/** The code with which it fails. */
async function call(transport: Transport, method: DescMethod, request: object): Promise<Code | undefined> {
  try {
    await callMethod(transport, method, request);
    return undefined;
  } catch (error) {
    return ConnectError.from(error).code;
  }
}
