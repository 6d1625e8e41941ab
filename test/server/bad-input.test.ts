/** Requests that cannot be understood: each refusal blames the request, none the server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createClient, type Client } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { Filter_Function, Sort_Direction } from "../../src/wire/gen/flyteidl2/common/list_pb.js";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { ProjectService } from "../../src/wire/gen/flyteidl2/project/project_service_pb.js";
import { TaskService } from "../../src/wire/gen/flyteidl2/task/task_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { actionId, ROOT, taskSpec } from "../../bench/helpers/requests.ts";
import { asAttempt } from "../helpers/attempt-objects.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { grpcTrailers } from "../helpers/grpc.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { until } from "../helpers/until.ts";

const project = { organization: "", name: "flytesnacks", domain: "development" };
/** A field of length 127 of which there is nothing. */
const MALFORMED = Buffer.from([0x0a, 0x7f, 0xff]);

test("names that every object has are no fields of a list", async (t) => {
  const { transport } = await startInProcess(t, createFakeExecutor());
  const runs = createClient(RunService, transport);
  const tasks = createClient(TaskService, transport);
  const projects = createClient(ProjectService, transport);
  for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    const filters = [{ field: name, function: Filter_Function.EQUAL, values: ["x"] }];
    const sortBy = { key: name, direction: Sort_Direction.ASCENDING };
    for (const request of [{ filters }, { sortBy }]) {
      await refused(runs.listRuns({ request }), name);
      await refused(tasks.listTasks({ request }), name);
      await refused(
        tasks.listVersions({ request, taskName: { ...project, name: "x", project: "flytesnacks" } }),
        name,
      );
    }
    await refused(projects.listProjects({ sortBy }), name);
    await refused(projects.listProjects({ filters: `eq(${name}, 1)` }), name);
    await refused(projects.listProjects({ filters: `${name}(name, 1)` }), name);
  }
});

test("bytes that are no message", async (t) => {
  const executor = createFakeExecutor();
  const { transport, url } = await startInProcess(t, executor);
  await t.test("as the body of a call", async () => {
    for (const type of ["application/proto", "application/json"]) {
      const response = await fetch(`${url}/flyteidl2.workflow.RunService/GetRunDetails`, {
        method: "POST",
        headers: { "content-type": type },
        body: MALFORMED,
      });
      const { code } = (await response.json()) as { code: string };
      assert.equal(code, "invalid_argument", type);
    }
  });
  await t.test("as the body of a call that is answered by a stream", async () => {
    const response = await fetch(`${url}/flyteidl2.workflow.RunService/WatchRunDetails`, {
      method: "POST",
      headers: { "content-type": "application/connect+proto" },
      body: enveloped(MALFORMED),
    });
    assert.match(await response.text(), /"code":"invalid_argument"/u);
  });
  await t.test("over gRPC", async () => {
    for (const method of ["GetRunDetails", "WatchRunDetails"]) {
      const trailers = await grpcTrailers(
        `${url}/flyteidl2.workflow.RunService/${method}`,
        enveloped(MALFORMED),
      );
      assert.equal(trailers["grpc-status"], "3", method);
    }
    // The server's own failures stay its own.
    const grpc = createClient(RunService, createGrpcTransport({ baseUrl: url }));
    const missing = grpc.getRunDetails({ runId: { ...actionId("none", ROOT).run } });
    await assert.rejects(missing, (error: ConnectError) => error.code === Code.NotFound);
  });
  await t.test("over gRPC-Web", async () => {
    for (const method of ["GetRunDetails", "WatchRunDetails"]) {
      const response = await fetch(`${url}/flyteidl2.workflow.RunService/${method}`, {
        method: "POST",
        headers: { "content-type": "application/grpc-web+proto" },
        body: enveloped(MALFORMED),
      });
      const frame = Buffer.from(await response.arrayBuffer());
      assert.match(frame.subarray(5).toString(), /^grpc-status: *3\r$/mu, method);
      assert.equal(frame.readUInt32BE(1), frame.length - 5, method);
    }
  });
  const data = createClient(DataProxyService, transport);
  const runs = createClient(RunService, transport);
  await t.test("as inputs at a URI", async () => {
    const uri = await upload(data, MALFORMED);
    const request = {
      id: { case: "projectId", value: project },
      task: { case: "taskSpec", value: taskSpec({ command: ["true"] }) },
      inputWrapper: { case: "offloadedInputData", value: { uri } },
    } as const;
    const error = await refused(runs.createRun(request), uri);
    assert.equal(error.metadata.get("boxkite-error-code"), "INVALID_ARGUMENT");
  });
  await t.test("as the outputs of a trace", async () => {
    const uri = "s3://boxkite/flytesnacks/development/runs/r/t/outputs.pb";
    await runs.createRun({
      id: { case: "runId", value: actionId("r", ROOT).run },
      task: { case: "taskSpec", value: taskSpec({ command: ["true"] }) },
    });
    await until(async () => executor.started.length > 0);
    const [attempt] = executor.started;
    assert.ok(attempt);
    assert.equal(await asAttempt(url, attempt, "PUT", uri, MALFORMED), 200);
    await createClient(ActionsService, transport).enqueue({
      action: {
        actionId: actionId("r", "t"),
        parentActionName: ROOT,
        spec: {
          case: "trace",
          value: { name: "t", phase: ActionPhase.SUCCEEDED, outputs: { outputUri: uri } },
        },
      },
    });
    await refused(data.getActionData({ actionId: actionId("r", "t") }), uri);
  });
});

/** One message of a stream: flags, length, bytes. */
function enveloped(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
}

async function upload(data: Client<typeof DataProxyService>, bytes: Uint8Array): Promise<string> {
  const place = await data.createUploadLocation({
    project: "flytesnacks",
    domain: "development",
    filename: "inputs.pb",
    filenameRoot: "root",
  });
  const sent = await fetch(place.signedUrl, { method: "PUT", body: bytes });
  assert.equal(sent.status, 200);
  return place.nativeUrl;
}

async function refused(call: Promise<unknown>, named: string): Promise<ConnectError> {
  const [result] = await Promise.allSettled([call]);
  assert.equal(result.status, "rejected", named);
  const error = ConnectError.from((result as PromiseRejectedResult).reason);
  assert.equal(error.code, Code.InvalidArgument, `${named}: ${error.message}`);
  assert.ok(error.message.includes(named), error.message);
  return error;
}
