/** Objects that requests name: nobody reads, overwrites or passes on what they have no right to by naming it. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { clone, create, toBinary, type DescMethod, type DescService, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { BoxkiteError } from "../../src/domain/errors.ts";
import { SERVICES } from "../../src/services/every-service.ts";
import type { Authorise } from "../../src/services/access.ts";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import {
  ArtifactType,
  DataProxyService,
} from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { ProjectService } from "../../src/wire/gen/flyteidl2/project/project_service_pb.js";
import { InputsSchema } from "../../src/wire/gen/flyteidl2/task/common_pb.js";
import { TaskSpecSchema } from "../../src/wire/gen/flyteidl2/task/task_definition_pb.js";
import { TaskService } from "../../src/wire/gen/flyteidl2/task/task_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { actionId, enqueueRequest, ROOT, SCOPE, taskSpec } from "../../bench/helpers/requests.ts";
import { asAttempt } from "../helpers/attempt-objects.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { pathText, setText, textFields, type FieldPath } from "../helpers/string-fields.ts";
import { until } from "../helpers/until.ts";

const OWN = "s3://boxkite/flytesnacks/development";
const SECRET = "the secret of another project";
const task = { case: "taskSpec", value: taskSpec({ command: ["true"] }) } as const;

async function subject(t: TestContext, authorise?: Authorise) {
  const executor = createFakeExecutor();
  const { transport, url } = await startInProcess(t, executor, {
    maxParallel: 100_000,
    ...(authorise && { authorise }),
  });
  const runs = createClient(RunService, transport);
  const data = createClient(DataProxyService, transport);
  const actions = createClient(ActionsService, transport);
  const tasks = createClient(TaskService, transport);
  const attempt = async (run: string) => {
    const found = () => executor.started.find(({ spec }) => spec.key.run === run);
    await until(async () => found() !== undefined);
    const started = found();
    assert.ok(started);
    return started;
  };
  /** Starts a run in development, and returns what its first attempt may do with an object. */
  const start = async (name: string, more: Parameters<typeof runs.createRun>[0] = {}) => {
    await runs.createRun({ id: { case: "runId", value: { ...SCOPE, name } }, task, ...more });
    const started = await attempt(name);
    return (method: "GET" | "PUT" | "DELETE", uri: string) => asAttempt(url, started, method, uri);
  };
  /** Inputs with a secret, of another project. */
  const plant = async () => {
    await createClient(ProjectService, transport).createProject({ project: { id: "other", name: "other" } });
    const { offloadedInputData } = await data.uploadInputs({
      id: { case: "projectId", value: { name: "other", domain: "production" } },
      inputs: {
        literals: [{ name: "x", value: { value: { case: "scalar", value: stringScalar(SECRET) } } }],
      },
    });
    return offloadedInputData?.uri ?? "";
  };
  return { transport, url, runs, data, actions, tasks, executor, attempt, start, plant };
}

function stringScalar(text: string) {
  const value = { case: "stringValue", value: text } as const;
  return { value: { case: "primitive", value: { value } } } as const;
}

const rawData = (rawDataPrefix: string) => ({ runSpec: { rawDataStorage: { rawDataPrefix } } });

async function refused(call: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await call.then(() => undefined, ConnectError.from);
  assert.match(error?.rawMessage ?? "it was accepted", message);
  assert.ok(error?.metadata.get("boxkite-error-hint"), "with a hint");
}

test("raw data goes to a folder of the run's own project and domain, and of no other run", async (t) => {
  const { start, plant } = await subject(t);
  await plant();
  const places = [
    "s3://boxkite/flytesnacks/production/runs",
    "s3://boxkite/flytesnacks/production/lake",
    "s3://boxkite/other/development/lake",
    "s3://boxkite/flytesnacks/developments/lake",
    "s3://boxkite/flytesnack/development/lake",
    "s3://boxkite/flytesnacks",
    "s3://boxkite/elsewhere",
    "s3://boxkite",
    "s3://boxkite/",
    "s3://bucket/flytesnacks/development/lake",
    "/tmp/lake",
    OWN,
    `${OWN}/`,
  ];
  const folders = [
    "runs",
    "uploads",
    "inputs",
    "runs/other",
    "runs/other/a0",
    "uploads/named",
    "lake/runs",
    "lake/runs/other",
    "lake/runs/other/a0/1",
    "..",
    ".",
    "...",
    "lake/..",
    "lake/../runs",
    "./runs",
    "/runs",
    "lake//runs",
    "lake//",
    "%72uns",
    "lake%2f..",
    "lake\\..",
    "lake\u0000",
    "lake\n",
    "la ke",
    "läke",
    "x".repeat(600),
  ];
  for (const folder of folders) places.push(`${OWN}/${folder}`);
  for (const [index, place] of places.entries())
    await refused(start(`bad${index}`, rawData(place)), /cannot put its raw data in/u);

  // A plain name is one, with or without a slash behind it.
  const one = await start("one", rawData(`${OWN}/lake/2024/`));
  const two = await start("two", rawData(`${OWN}/lake/2024`));
  const mine = `${OWN}/lake/2024/runs/one/a0/1/file`;
  assert.equal(await one("PUT", mine), 200);
  assert.equal(await one("GET", mine), 200);
  for (const foreign of [
    `${OWN}/lake/2024/runs/two/a0/1/file`,
    `${OWN}/lake/2024/file`,
    `${OWN}/lake/2024/one/file`,
    `${OWN}/runs/two/a0/1/outputs.pb`,
    `${OWN}/runs/one/../two/a0/1/outputs.pb`,
    `${OWN}/uploads/0123/code.tgz`,
    `${OWN}/inputs/0123/inputs.pb`,
    `s3://boxkite/flytesnacks/production/lake/2024/runs/one/file`,
  ])
    for (const method of ["PUT", "GET", "DELETE"] as const)
      assert.equal(await one(method, foreign), 403, `${method} ${foreign}`);
  for (const method of ["PUT", "GET", "DELETE"] as const) assert.equal(await two(method, mine), 403, method);
});

test("the server reads no inputs or outputs for an action whose run may not read them", async (t) => {
  const { actions, data, plant, start } = await subject(t);
  const secret = await plant();
  await start("r");
  const enqueue = (name: string, inputUri: string, outputUri?: string) => {
    const trace = { name, phase: ActionPhase.SUCCEEDED, outputs: { outputUri: outputUri ?? "" } };
    const spec =
      outputUri === undefined
        ? ({ case: "task", value: { spec: task.value } } as const)
        : ({ case: "trace", value: trace } as const);
    return actions.enqueue({
      action: { actionId: actionId("r", name), parentActionName: ROOT, inputUri, spec },
    });
  };
  const own = `${OWN}/runs/r/c/inputs.pb`;
  for (const uri of [
    secret,
    `${OWN}/runs/other/a0/1/outputs.pb`,
    `${OWN}/runs/r2/x`,
    "/etc/passwd",
    "s3://b/x",
  ]) {
    await refused(enqueue("child", uri), /as its inputs, which its run may not read/u);
    await refused(enqueue("trace", uri, `${OWN}/runs/r/t/outputs.pb`), /as its inputs/u);
    await refused(enqueue("trace", own, uri), /as its outputs, which is not in its run's own folder/u);
  }
  await enqueue("child", own);
  await enqueue("trace", own, `${OWN}/runs/r/t/outputs.pb`);
  const answer = await data.getActionData({ actionId: { run: { ...SCOPE, name: "r" }, name: "trace" } });
  assert.equal(answer.outputsUri, `${OWN}/runs/r/t/outputs.pb`);
});

test("code of a task is an object of its own project and domain, or exactly what another task names", async (t) => {
  const { runs, tasks, plant } = await subject(t);
  const foreign = "s3://boxkite/other/production/uploads/0123/code.tgz";
  await plant();
  const specOf = (uri: string) => {
    const spec = clone(TaskSpecSchema, task.value);
    if (spec.taskTemplate?.target.case === "container") spec.taskTemplate.target.value.args = ["--tgz", uri];
    return spec;
  };
  let count = 0;
  const id = () => ({ case: "runId" as const, value: { ...SCOPE, name: `r${count++}` } });
  const run = (uri: string) => runs.createRun({ id: id(), task: { case: "taskSpec", value: specOf(uri) } });
  const deploy = (uri: string, project = "flytesnacks", domain = "development") =>
    tasks.deployTask({
      taskId: { project, domain, name: "t", version: `${count++}` },
      spec: specOf(uri),
    });
  const folders = ["s3://boxkite/other/production/", "s3://boxkite/other/production/uploads/", `${OWN}/`];
  for (const uri of [foreign, ...folders, `${OWN}/uploads/`, "s3://boxkite/flytesnacks/production/x"]) {
    await refused(run(uri), /as its code, which is no object of flytesnacks\/development/u);
    await refused(deploy(uri), /as its code/u);
  }
  await run(`${OWN}/uploads/0123/code.tgz`);
  await deploy(foreign, "other", "production");
  await run(foreign);
  // That of a run, too: it may be run again in another domain.
  const staged = "s3://boxkite/flytesnacks/staging/uploads/4567/code.tgz";
  await refused(run(staged), /as its code/u);
  await runs.createRun({
    id: { case: "runId", value: { ...SCOPE, domain: "staging", name: "staged" } },
    task: { case: "taskSpec", value: specOf(staged) },
  });
  await run(staged);
  for (const uri of [...folders, `${foreign}/`, `${foreign}x`, foreign.slice(0, -1)])
    await refused(run(uri), /as its code/u);
});

test("an input that is a whole project, or the runs of one, is not granted", async (t) => {
  const { start, plant } = await subject(t);
  const secret = await plant();
  const folders = ["other", "other/production", "other/production/inputs", "other/production/inputs/"];
  for (const [index, folder] of folders.entries()) {
    const blob = { value: { case: "blob", value: { uri: `s3://boxkite/${folder}` } } } as const;
    const literal = { value: { case: "scalar", value: blob } } as const;
    const inputWrapper = {
      case: "inputs",
      value: create(InputsSchema, { literals: [{ name: "x", value: literal }] }),
    } as const;
    const object = await start(`wide${index}`, { inputWrapper });
    assert.equal(await object("GET", secret), 403, folder);
  }
});

test("a cached result of another project is for those who may read its run", async (t) => {
  let isOpen = false;
  const { runs, executor, attempt, plant, url } = await subject(t, (_, right, resource) => {
    if (isOpen || right !== "read" || resource.kind !== "run" || resource.key.project !== "other") return;
    throw new BoxkiteError("INVALID_ARGUMENT", "not yours", { hint: "none" });
  });
  await plant();
  const cached = clone(TaskSpecSchema, task.value);
  if (cached.taskTemplate?.metadata) {
    cached.taskTemplate.metadata.discoverable = true;
    cached.taskTemplate.metadata.discoveryVersion = "1";
  }
  const other = { project: "other", domain: "production" };
  const run = (name: string, scope = { ...SCOPE } as typeof other, overwriteCache = false) =>
    runs.createRun({
      runSpec: { overwriteCache },
      id: { case: "runId", value: { ...scope, name } },
      task: { case: "taskSpec", value: cached },
    });
  const complete = async (name: string, folder: string) => {
    const started = await attempt(name);
    assert.equal(await asAttempt(url, started, "PUT", `${folder}/runs/${name}/a0/1/outputs.pb`, ""), 200);
    executor.end(ROOT);
  };
  const isOver = (name: string, scope = { ...SCOPE } as typeof other) =>
    until(async () => {
      const { details } = await runs.getRunDetails({ runId: { ...scope, name } });
      return details?.action?.status?.phase === ActionPhase.SUCCEEDED;
    });
  const attempts = () => executor.started.map(({ spec }) => spec.key.run);
  await run("theirs", other);
  await complete("theirs", "s3://boxkite/other/production");
  await isOver("theirs", other);
  await run("mine");
  await complete("mine", OWN);
  await isOver("mine");
  // Theirs is the newest from here on.
  await run("again", other, true);
  await complete("again", "s3://boxkite/other/production");
  await isOver("again", other);
  await run("reuses");
  await isOver("reuses");
  isOpen = true;
  await run("open");
  await isOver("open");
  assert.deepEqual(attempts(), ["theirs", "mine", "again"]);
});

/** A request of each RPC that acts on what a request names; of the others an empty one. `name` is new in each. */
const REQUESTS: Readonly<Record<string, (name: string) => object>> = {
  CreateRun: (name) => ({ id: { case: "runId", value: { ...SCOPE, name } }, task }),
  DeployTask: (name) => ({ taskId: { ...SCOPE, name: "deployed", version: name }, spec: task.value }),
  Enqueue: (name) => enqueueRequest("parent", name, task.value),
  CreateUploadLocation: () => ({ ...SCOPE, filename: "f" }),
  UploadInputs: () => ({ id: { case: "projectId", value: { name: SCOPE.project, domain: SCOPE.domain } } }),
  GetTaskDetails: () => ({ taskId: { ...SCOPE, name: "deployed", version: "known" } }),
  ...Object.fromEntries(
    ["GetActionDetails", "GetActionData", "GetActionDataURIs", "SignalEvent"].map((rpc) => [
      rpc,
      () => ({ actionId: { run: { ...SCOPE, name: "parent" }, name: ROOT } }),
    ]),
  ),
  CreateDownloadLink: () => ({
    artifactType: ArtifactType.CODE_BUNDLE,
    source: {
      case: "actionAttemptId",
      value: { actionId: { run: { ...SCOPE, name: "parent" }, name: ROOT }, attempt: 1 },
    },
  }),
};

test("a foreign URI in any field of any request opens nothing", async (t) => {
  // As for a caller who has rights to one project only; what keys open is said elsewhere.
  const within: Authorise = (by, _, resource) => {
    if (by.who !== "local" || resource.kind !== "object") return;
    if (resource.key.startsWith("flytesnacks/development/")) return;
    throw new BoxkiteError("INVALID_ARGUMENT", "not yours", { hint: "none" });
  };
  const { transport, url, data, tasks, runs, executor, attempt, start, plant } = await subject(t, within);
  const secret = await plant();
  await start("parent");
  await tasks.deployTask({ taskId: { ...SCOPE, name: "deployed", version: "known" }, spec: task.value });
  const uris = [secret, "s3://boxkite/other/production/", "s3://boxkite/other/production"];

  const holdsSecret = (message: Message, method: DescMethod) =>
    Buffer.from(toBinary(method.output, message)).includes(SECRET);

  /** What a run or action that was accepted may read, and what the server reads for it. */
  const checkAction = async (run: string, name: string, what: string) => {
    const actionId = { run: { ...SCOPE, name: run }, name };
    const answer = await data.getActionData({ actionId }).catch(() => undefined);
    assert.ok(!JSON.stringify([answer?.inputs, answer?.outputs]).includes(SECRET), what);
    const source = { case: "actionAttemptId", value: { actionId, attempt: 1 } } as const;
    for (const artifactType of [ArtifactType.CODE_BUNDLE, ArtifactType.REPORT]) {
      const link = await data.createDownloadLink({ artifactType, source }).catch(() => undefined);
      const [signed] = link?.preSignedUrls?.signedUrl ?? [];
      if (signed) assert.ok(!(await (await fetch(signed)).text()).includes(SECRET), what);
    }
    const started = await attempt(run);
    for (const method of ["GET", "PUT"] as const)
      assert.equal(await asAttempt(url, started, method, secret), 403, `${what}: ${method}`);
  };

  let count = 0;
  let accepted = 0;
  const tried: Record<string, number> = {};
  const call = async (method: DescMethod, path: FieldPath, uri: string) => {
    const what = `${method.name} ${pathText(path)}`;
    const name = `n${count++}`;
    const request = create(method.input, { ...REQUESTS[method.name]?.(name) });
    setText(reflect(method.input, request), path, uri);
    const client = createClient(method.parent as DescService, transport) as Record<
      string,
      (request: object, options: object) => unknown
    >;
    const stop = AbortSignal.timeout(method.methodKind === "unary" ? 5_000 : 100);
    tried[method.name] = (tried[method.name] ?? 0) + 1;
    try {
      const answer = client[method.localName]?.(request, { signal: stop });
      if (method.methodKind === "unary") {
        const message = (await answer) as Message;
        assert.ok(!holdsSecret(message, method), what);
      } else {
        for await (const message of answer as AsyncIterable<Message>) {
          assert.ok(!holdsSecret(message, method), what);
          break;
        }
      }
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      assert.notEqual(error.code, Code.Internal, `${what}: ${error.message}`);
      assert.notEqual(error.code, Code.Unknown, `${what}: ${error.message}`);
      return;
    }
    accepted++;
    if (method.name === "CreateRun") await checkAction(name, ROOT, what);
    if (method.name === "Enqueue") await checkAction("parent", name, what);
    if (method.name === "DeployTask") {
      await runs.createRun({
        id: { case: "runId", value: { ...SCOPE, name } },
        task: { case: "taskId", value: { ...SCOPE, name: "deployed", version: name } },
      });
      await checkAction(name, ROOT, what);
    }
  };
  for (const method of SERVICES.flatMap((service) => service.methods)) {
    if (method.methodKind !== "unary" && method.methodKind !== "server_streaming") continue;
    for (const path of textFields(method.input)) {
      const mayName = REQUESTS[method.name] !== undefined && /uri|prefix|args$/u.test(pathText(path));
      for (const uri of mayName ? uris : uris.slice(0, 1)) await call(method, path, uri);
    }
  }
  t.diagnostic(`${count} requests, ${accepted} accepted, ${executor.started.length} attempts`);
  for (const rpc of Object.keys(REQUESTS)) assert.ok(tried[rpc], rpc);
  assert.ok(accepted > 100, "most fields are only kept");
});
