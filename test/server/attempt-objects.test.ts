/** Which objects a task opens, by its own key and by links that it asks for: its own, and only while it runs. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { test, type TestContext } from "node:test";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { systemClock } from "../../src/lib/clock.ts";
import { presign, type PresignOptions } from "../../src/lib/sigv4-signer.ts";
import { rotateSigningKeys } from "../../src/orchestrator/stored-signing-keys.ts";
import { BUCKET } from "../../src/server/server.ts";
import { userCredentials } from "../../src/server/user-credentials.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { enqueueRequest, taskSpec } from "../../bench/helpers/requests.ts";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { signingKeysIn } from "../helpers/signing-keys.ts";
import { until } from "../helpers/until.ts";

const scope = { project: "flytesnacks", domain: "development" };
const projectId = { name: scope.project, domain: scope.domain };
const spec = taskSpec({ command: ["true"] });
const runOf = (name: string) => ({ ...scope, name });
const base = (run: string) => `${scope.project}/${scope.domain}/runs/${run}`;

type SignOptions = Pick<PresignOptions, "method" | "key"> & Partial<PresignOptions>;

interface Task {
  /** Calls with its token. */
  readonly transport: Transport;
  /** A URL that its own key signs. */
  sign(options: SignOptions): string;
}

async function subject(t: TestContext) {
  const executor = createFakeExecutor();
  const { url, transport, directory } = await startInProcess(t, executor);
  const people = createClient(RunService, transport);
  /** A run with this name, and its first attempt, which runs. */
  const start = async (name: string): Promise<Task> => {
    await people.createRun({
      id: { case: "runId", value: runOf(name) },
      task: { case: "taskSpec", value: spec },
    });
    // Recorded after it has started.
    await until(async () => {
      const { details } = await people.getRunDetails({ runId: runOf(name) });
      return details?.action?.status?.phase === ActionPhase.RUNNING;
    });
    const env = executor.started.find(({ spec: { key } }) => key.run === name)?.spec.env ?? {};
    const endpoint = env["_U_EP_OVERRIDE"] ?? "";
    return {
      transport: createConnectTransport({
        baseUrl: url + endpoint.slice(endpoint.indexOf("/")),
        httpVersion: "1.1",
      }),
      sign: (options) =>
        presign({
          origin: url,
          bucket: BUCKET,
          accessKeyId: env["FLYTE_AWS_ACCESS_KEY_ID"] ?? "",
          secretAccessKey: env["FLYTE_AWS_SECRET_ACCESS_KEY"] ?? "",
          expiresInSeconds: 60,
          nowMs: Date.now(),
          ...options,
        }),
    };
  };
  return { url, directory, transport, people, start };
}

async function statusOf(
  url: string,
  body?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<number> {
  const response = await fetch(url, body === undefined ? {} : { method: "PUT", body, headers });
  await response.body?.cancel();
  return response.status;
}

test("a task's key opens its run's objects for as long as it runs, and no results but its own for writing", async (t) => {
  const { people, start } = await subject(t);
  const task = await start("r");
  await createClient(ActionsService, task.transport).enqueue(enqueueRequest("r", "c", spec));
  const put = (key: string) => statusOf(task.sign({ method: "PUT", key: `${base("r")}/${key}` }), "x");
  const get = (key: string) => statusOf(task.sign({ method: "GET", key: `${base("r")}/${key}` }));
  assert.deepEqual(
    [await put("a0/1/raw/x"), await get("a0/1/raw/x"), await put("d/inputs.pb")],
    [200, 200, 200],
  );
  for (const key of ["a0/2/outputs.pb", "c/1/outputs.pb", "c/1/error.pb", "d/1/outputs.pb"])
    assert.equal(await put(key), 403, key);
  assert.equal(await statusOf(task.sign({ method: "PUT", key: `${base("other")}/a0/1/x` }), "x"), 403);

  const minutesAgo = (minutes: number) =>
    task.sign({
      method: "GET",
      key: `${base("r")}/a0/1/raw/x`,
      expiresInSeconds: 3_600,
      nowMs: Date.now() - minutes * 60_000,
    });
  assert.deepEqual([await statusOf(minutesAgo(14)), await statusOf(minutesAgo(16))], [200, 403]);

  const late = request(task.sign({ method: "PUT", key: `${base("r")}/a0/1/outputs.pb` }), {
    method: "PUT",
    headers: { "content-length": 2 },
  });
  const lateStatus = once(late, "response").then(([response]) => (response as IncomingMessage).statusCode);
  late.write("x");
  assert.equal(await get("a0/1/raw/x"), 200);

  await people.abortRun({ runId: runOf("r") });
  late.end("x");
  assert.equal(await lateStatus, 403, "an upload that began before the end, and replaces nothing after it");
  assert.deepEqual(
    [await get("a0/1/raw/x"), await put("a0/1/raw/x"), await put("a0/1/outputs.pb")],
    [403, 403, 403],
  );
  const refused = await fetch(task.sign({ method: "GET", key: `${base("r")}/a0/1/raw/x` }));
  assert.match(await refused.text(), /attempt 1 of action a0 of run r does not run/u);
});

test("a task uploads code and inputs and starts a run with them; what others upload it cannot name", async (t) => {
  const { people, start } = await subject(t);
  const [task, other] = [await start("r"), await start("other")];
  const uploaded = await createClient(DataProxyService, task.transport).createUploadLocation({
    ...scope,
    filename: "code.tgz",
    contentMd5: createHash("md5").update("x").digest(),
    expiresIn: { seconds: 86_400n, nanos: 0 },
  });
  assert.equal(new URL(uploaded.signedUrl).searchParams.get("X-Amz-Expires"), "900");
  const bundled = taskSpec({ command: ["true"] });
  if (bundled.taskTemplate?.target.case === "container")
    bundled.taskTemplate.target.value.args = ["--tgz", uploaded.nativeUrl];
  const startFrom = ({ transport }: Task) =>
    createClient(RunService, transport).createRun({
      id: { case: "projectId", value: projectId },
      task: { case: "taskSpec", value: bundled },
    });
  const denied = (error: unknown) => ConnectError.from(error).code === Code.PermissionDenied;
  await assert.rejects(
    startFrom(task),
    denied,
    "knowing the name of what others may have uploaded is not enough",
  );
  assert.equal(await statusOf(uploaded.signedUrl, "x", uploaded.headers), 200);
  await assert.doesNotReject(startFrom(task));
  await assert.rejects(startFrom(other), denied);

  const stored = await createClient(DataProxyService, task.transport).uploadInputs({
    id: { case: "projectId", value: projectId },
  });
  assert.ok(stored.offloadedInputData);
  await createClient(RunService, task.transport).createRun({
    id: { case: "projectId", value: projectId },
    task: { case: "taskSpec", value: spec },
    inputWrapper: { case: "offloadedInputData", value: stored.offloadedInputData },
  });

  await people.abortRun({ runId: runOf("r") });
  assert.equal(await statusOf(uploaded.signedUrl, "x"), 403, "its link ends with it");
});

test("keys of before a rotation end at the stated time, those of a task that runs with it, and new ones are valid at once", async (t) => {
  const { url, directory, transport, start } = await subject(t);
  const task = await start("r");
  const link = await createClient(DataProxyService, transport).createUploadLocation({
    ...scope,
    filename: "f",
    filenameRoot: "root",
  });
  const signed = (person: ReturnType<typeof userCredentials>) =>
    presign({
      method: "GET",
      origin: url,
      bucket: BUCKET,
      key: "none",
      ...person,
      expiresInSeconds: 60,
      nowMs: Date.now(),
    });
  const rotate = async (validForMs: number) => {
    const store = openSqliteStore(`${directory}/store.sqlite`);
    await rotateSigningKeys(store, systemClock, validForMs);
    await store.close();
    const person = userCredentials(await signingKeysIn(directory), "");
    await until(async () => (await statusOf(signed(person))) === 404);
  };
  const calls = ({ transport }: typeof task, run: string) =>
    createClient(RunService, transport).getRunDetails({ runId: runOf(run) });
  const own = () => statusOf(task.sign({ method: "GET", key: `${base("r")}/none` }));
  await rotate(60_000);
  await assert.doesNotReject(calls(task, "r"));
  assert.deepEqual([await own(), await statusOf(link.signedUrl, "x")], [404, 200]);
  const person = userCredentials(await signingKeysIn(directory), "");
  const next = await start("next");
  await rotate(1);
  assert.equal(await statusOf(signed(person)), 403);
  assert.equal(await statusOf(next.sign({ method: "GET", key: `${base("next")}/none` })), 404);
  await rotate(0);
  assert.equal(await statusOf(next.sign({ method: "GET", key: `${base("next")}/none` })), 403);
  for (const call of [calls(task, "r"), calls(next, "next")])
    await assert.rejects(call, (error) => ConnectError.from(error).code === Code.Unauthenticated);
});
