/** The limits of docs/limits.md that a call meets: each refusal names its limit. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { InputsSchema, type Inputs } from "../../src/wire/gen/flyteidl2/task/common_pb.js";
import { TaskSpecSchema, type TaskSpec } from "../../src/wire/gen/flyteidl2/task/task_definition_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { grpcTrailers } from "../helpers/grpc.ts";
import { startInProcess } from "../helpers/in-process-server.ts";

test("limits of calls", async (t) => {
  const { transport, url } = await startInProcess(t, createFakeExecutor());
  const data = createClient(DataProxyService, transport);
  const project = PROJECT;

  await t.test("a message beyond 72 MiB, in each protocol", async () => {
    const body = Buffer.alloc(72 * 2 ** 20 + 1);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(body.length, 1);
    const post = (type: string, content: Buffer) =>
      fetch(`${url}/flyteidl2.dataproxy.DataProxyService/UploadInputs`, {
        method: "POST",
        headers: { "content-type": type },
        body: content,
      });
    const connect = await post("application/proto", body);
    const { code, message } = (await connect.json()) as { code: string; message: string };
    assert.equal(code, "invalid_argument");
    assert.match(message, TOO_LARGE);
    assert.equal(connect.headers.get("boxkite-error-code"), "LIMIT_EXCEEDED");
    const web = await post("application/grpc-web+proto", Buffer.concat([head, body]));
    const frame = Buffer.from(await web.arrayBuffer())
      .subarray(5)
      .toString();
    assert.match(decodeURIComponent(frame), TOO_LARGE);
    assert.match(frame, /^grpc-status: *3\r$/mu);
    // The length alone refuses it.
    const grpc = await grpcTrailers(`${url}/flyteidl2.dataproxy.DataProxyService/UploadInputs`, head);
    assert.equal(grpc["grpc-status"], "3");
    assert.match(decodeURIComponent(String(grpc["grpc-message"])), TOO_LARGE);
    assert.equal(grpc["boxkite-error-code"], "LIMIT_EXCEEDED");
    // A client that sends all of it reads the answer, too.
    const whole = await grpcTrailers(
      `${url}/flyteidl2.dataproxy.DataProxyService/UploadInputs`,
      Buffer.concat([head, body]),
    );
    assert.match(decodeURIComponent(String(whole["grpc-message"])), TOO_LARGE);
  });

  await t.test("inputs beyond 64 MiB by value, of a run and of its children", async () => {
    const id = { case: "runId" as const, value: { ...PROJECT, name: "parent" } };
    const task = { case: "taskSpec" as const, value: spec() };
    const inputs = textInputs({ small: 10, large: 65 * 2 ** 20 });
    const large = /inputs of the run have 68,157,\d{3} bytes.*67,108,864 \(64 MiB\).*"large"; hint: .*File/u;
    assert.match((await refusal(data.uploadInputs({ id, task, inputs }))).rawMessage, large);
    const runs = createClient(RunService, transport);
    const inputWrapper = { case: "inputs" as const, value: inputs };
    assert.match((await refusal(runs.createRun({ id, task, inputWrapper }))).rawMessage, large);
    // As a parent does: it stores the inputs of its children itself.
    const { signedUrl, nativeUrl } = await data.createUploadLocation({
      ...project,
      filename: "inputs.pb",
      filenameRoot: "root",
    });
    const { ok } = await fetch(signedUrl, { method: "PUT", body: Buffer.alloc(64 * 2 ** 20 + 1) });
    assert.ok(ok);
    const inputWrapperUri = { case: "offloadedInputData" as const, value: { uri: nativeUrl } };
    const stored = await refusal(runs.createRun({ id, task, inputWrapper: inputWrapperUri }));
    assert.match(stored.rawMessage, /inputs of the run have 67,108,865 bytes/u);
    // Of which its run reads the object.
    const blob = { case: "blob" as const, value: { uri: nativeUrl } };
    const literal = { value: { case: "scalar" as const, value: { value: blob } } };
    const named = { case: "inputs" as const, value: { literals: [{ name: "file", value: literal }] } };
    await runs.createRun({ id, task, inputWrapper: named });
    const child = createClient(ActionsService, transport).enqueue({
      action: {
        actionId: { run: { ...PROJECT, name: "parent" }, name: "child" },
        parentActionName: "a0",
        inputUri: nativeUrl,
        spec: { case: "task", value: { spec: task.value } },
      },
    });
    assert.match((await refusal(child)).rawMessage, /inputs of task env\.task have 67,108,865 bytes.*File/u);
  });

  await t.test("an environment that Linux would not pass on, of a task and of a run", async () => {
    const runs = createClient(RunService, transport);
    const run = (env: Record<string, string>, envs: Record<string, string>) =>
      runs.createRun({
        id: { case: "projectId", value: { name: PROJECT.project, domain: PROJECT.domain } },
        task: { case: "taskSpec", value: spec(env) },
        runSpec: { envs: { values: pairsOf(envs) } },
      });
    const big = (await refusal(run({ BIG: "x".repeat(200_000) }, {}))).rawMessage;
    assert.match(big, /"BIG" of task env\.task has 200,004 bytes/u);
    assert.match((await refusal(run({}, { BIG: "x".repeat(200_000) }))).rawMessage, /"BIG" of the run/u);
    const many = (prefix: string) =>
      Object.fromEntries(
        Array.from({ length: 10 }, (_, index) => [`${prefix}${index}`, "x".repeat(120_000)]),
      );
    await run(many("T"), {});
    const together = (await refusal(run(many("T"), many("R")))).rawMessage;
    assert.match(together, /variables and arguments of task env\.task have 2,400,\d{3} bytes together/u);
  });

  await t.test("labels and annotations beyond 256 KiB", async () => {
    const runs = createClient(RunService, transport);
    for (const kind of ["labels", "annotations"] as const) {
      const refused = await refusal(
        runs.createRun({
          id: { case: "projectId", value: { name: PROJECT.project, domain: PROJECT.domain } },
          task: { case: "taskSpec", value: spec() },
          runSpec: { [kind]: { values: { note: "x".repeat(300_000) } } },
        }),
      );
      assert.match(refused.rawMessage, new RegExp(`the ${kind} of the run have 300,004 bytes`, "u"));
    }
  });

  await t.test("a URL for longer than an hour", async () => {
    const ask = (seconds: number) =>
      data.createUploadLocation({
        ...project,
        filename: "f",
        filenameRoot: "root",
        expiresIn: { seconds: BigInt(seconds), nanos: 0 },
      });
    const seconds = async (asked: number) =>
      new URL((await ask(asked)).signedUrl).searchParams.get("X-Amz-Expires");
    assert.deepEqual([await seconds(60), await seconds(7 * 24 * 3_600)], ["60", "3600"]);
  });

  await t.test("the answer to a condition beyond 1 MiB", async () => {
    const address = `${url}/v2/domain/development/project/flytesnacks/runs/r/conditions/c`;
    const response = await fetch(address, { method: "POST", body: "x".repeat(2 * 2 ** 20) });
    assert.equal(response.status, 413);
    assert.match(await response.text(), /limit of 1 MiB/u);
  });
});

const PROJECT = { project: "flytesnacks", domain: "development" };
const TOO_LARGE = /call is larger than 75,497,472 bytes.*67,108,864 \(64 MiB\) by value; hint: .*File/u;

function spec(env: Readonly<Record<string, string>> = {}): TaskSpec {
  return create(TaskSpecSchema, {
    taskTemplate: {
      id: { name: "env.task", version: "1" },
      type: "python",
      target: { case: "container", value: { image: "fake:1", args: ["a0"], env: pairsOf(env) } },
    },
  });
}

function pairsOf(env: Readonly<Record<string, string>>): { key: string; value: string }[] {
  return Object.entries(env).map(([key, value]) => ({ key, value }));
}

/** Texts of so many bytes, by name. */
function textInputs(sizes: Readonly<Record<string, number>>): Inputs {
  const literals = Object.entries(sizes).map(([name, size]) => {
    const primitive = { value: { case: "stringValue" as const, value: "x".repeat(size) } };
    const scalar = { value: { case: "primitive" as const, value: primitive } };
    return { name, value: { value: { case: "scalar" as const, value: scalar } } };
  });
  return create(InputsSchema, { literals });
}

async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  const [result] = await Promise.allSettled([call]);
  assert.equal(result.status, "rejected");
  return ConnectError.from((result as PromiseRejectedResult).reason);
}
