/** What the program of a reproduction may do: read its run, call what was called before, write below a prefix of its own. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { AttemptSpec, Executor } from "../../src/executors/executor.ts";
import type { Interactive } from "../../src/executors/interactive.ts";
import { REPRODUCTION_LIFETIME_MS } from "../../src/orchestrator/reproductions.ts";
import { reproductionsPath, type BegunReproduction } from "../../src/services/reproductions.ts";
import type { ReproductionOutcome } from "../../src/services/reproduction-outcome.ts";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { actionId, enqueueRequest, ROOT, SCOPE, taskSpec } from "../../bench/helpers/requests.ts";
import { asAttempt } from "../helpers/attempt-objects.ts";
import { createFakeExecutor, type FakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { startTask } from "../helpers/running-task.ts";
import { steppedClock } from "../helpers/stepped-clock.ts";
import { until } from "../helpers/until.ts";

const spec = taskSpec({ command: ["true"] });
const RUN = `s3://boxkite/${SCOPE.project}/${SCOPE.domain}/runs`;

interface Interactions {
  readonly specs: AttemptSpec[];
  readonly released: string[];
}

function withInteractive(executor: FakeExecutor): FakeExecutor & Interactions {
  const specs: AttemptSpec[] = [];
  const released: string[] = [];
  const interactive: Interactive = {
    prepare: async ({ id, spec: asked }) => {
      specs.push(asked);
      return {
        engine: "podman",
        name: `c-${id}`,
        body: { Image: asked.image.pinned },
        archive: Buffer.from("tar"),
        archives: [],
      };
    },
    release: async ({ id }) => void released.push(id),
  };
  return Object.assign(executor as FakeExecutor & { interactive?: Executor["interactive"] }, {
    interactive,
    specs,
    released,
  });
}

async function subject(t: TestContext, options: Parameters<typeof startInProcess>[2] = {}) {
  const executor = withInteractive(createFakeExecutor());
  const server = await startInProcess(t, executor, options);
  const parent = await startTask(server.transport, executor, "own");
  const path = reproductionsPath({ ...SCOPE, run: "own", action: ROOT });
  const ask = async (method: string, target: string, body?: object) => {
    const answer = await fetch(server.url + target, { method, ...(body && { body: JSON.stringify(body) }) });
    return { status: answer.status, content: (await answer.json()) as unknown };
  };
  const begin = async (body: object = {}) => {
    const { status, content } = await ask("POST", path, body);
    assert.equal(status, 200, JSON.stringify(content));
    const begun = content as BegunReproduction;
    const own = executor.specs.at(-1);
    assert.ok(own !== undefined);
    const endpoint = own.env["_U_EP_OVERRIDE"] ?? "";
    const baseUrl = server.url + endpoint.slice(endpoint.indexOf("/"));
    return { begun, spec: own, transport: createConnectTransport({ baseUrl, httpVersion: "1.1" }) };
  };
  const parentPath = parent.spec.env["_U_EP_OVERRIDE"]?.replace(/^[^/]*/u, "") ?? "";
  const parentTransport = createConnectTransport({ baseUrl: server.url + parentPath, httpVersion: "1.1" });
  return { ...server, executor, parent, parentTransport, path, ask, begin };
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => ConnectError.from(error),
  );

test("calls of children are answered from the record, and start nothing", async (t) => {
  const { begin, parentTransport, executor } = await subject(t);
  await createClient(ActionsService, parentTransport).enqueue(enqueueRequest("own", "c1", spec));
  await until(async () => executor.started.some(({ spec: { key } }) => key.action === "c1"));
  const started = executor.started.length;

  const { transport } = await begin();
  const actions = createClient(ActionsService, transport);
  assert.equal((await codeOf(actions.enqueue(enqueueRequest("own", "c1", spec))))?.code, Code.AlreadyExists);
  const unknown = await codeOf(actions.enqueue(enqueueRequest("own", "c2", spec)));
  // At FailedPrecondition the stock SDK would call again for 20 minutes.
  assert.equal(unknown?.code, Code.NotFound);
  assert.match(
    unknown.rawMessage,
    /^this call is not in the record: action a0 of run own has not called bench.task with these inputs; hint: /u,
  );

  const seen: string[] = [];
  const left = new AbortController();
  const watch = actions.watchForUpdates(
    { filter: { case: "parentActionId", value: actionId("own", ROOT) } },
    { signal: left.signal },
  );
  const watching = (async () => {
    for await (const { message } of watch)
      seen.push(
        message.case === "actionUpdate"
          ? `${message.value.actionId?.name} ${ActionPhase[message.value.phase]}`
          : "all",
      );
  })().catch(() => {});
  await until(async () => seen.includes("all"));
  assert.deepEqual(seen, ["c1 RUNNING", "all"]);
  // A trace runs in the program itself: it is confirmed, and the run knows nothing of it.
  const value = { name: "step", phase: ActionPhase.SUCCEEDED, outputs: { outputUri: `${RUN}/own/x` } };
  await actions.enqueue({
    action: { actionId: actionId("own", "t1"), parentActionName: ROOT, spec: { case: "trace", value } },
  });
  await until(async () => seen.includes("t1 SUCCEEDED"));
  const gone = await codeOf(
    createClient(RunService, transport).getActionDetails({ actionId: actionId("own", "t1") }),
  );
  assert.equal(gone?.code, Code.NotFound);
  executor.end("c1");
  await until(async () => seen.some((each) => /^c1 (?:FAILED|SUCCEEDED)$/u.test(each)));
  left.abort();
  await watching;
  assert.equal(executor.started.length, started);
});

test("it ends, answers and starts nothing, and reads no other run", async (t) => {
  const { begin, transport: people } = await subject(t);
  await createClient(RunService, people).createRun({
    id: { case: "runId", value: { ...SCOPE, name: "other" } },
    task: { case: "taskSpec", value: spec },
  });
  const { transport } = await begin();
  const runs = createClient(RunService, transport);
  const actions = createClient(ActionsService, transport);
  const runId = { ...SCOPE, name: "own" };
  await runs.getRunDetails({ runId });
  const refused: Record<string, () => Promise<unknown>> = {
    "its run's end": () => runs.abortRun({ runId }),
    "a child's end": () => actions.abort({ actionId: actionId("own", ROOT), reason: "" }),
    "a run": () =>
      runs.createRun({
        id: { case: "runId", value: { ...SCOPE, name: "new" } },
        task: { case: "taskSpec", value: spec },
      }),
    "another run": () => runs.getRunDetails({ runId: { ...SCOPE, name: "other" } }),
    "a child of another's": () =>
      actions.enqueue({ action: { ...enqueueRequest("own", "c2", spec).action, parentActionName: "c1" } }),
    "a child in another run": () => actions.enqueue(enqueueRequest("other", "c", spec)),
    "an upload": () =>
      createClient(DataProxyService, transport).createUploadLocation({
        ...SCOPE,
        filename: "x",
        contentMd5: new Uint8Array(16),
      }),
  };
  for (const [what, call] of Object.entries(refused)) {
    const error = await codeOf(call());
    assert.equal(error?.code, Code.PermissionDenied, `${what}: ${error?.message}`);
    assert.match(error.rawMessage, /^a reproduction of action a0 of run own may not .*; hint: /u, what);
  }
});

test("it reads what the action may, and writes below its own prefix only", async (t) => {
  const { begin, url, parent } = await subject(t);
  const put = await asAttempt(url, parent, "PUT", `${RUN}/own/a0/1/outputs.pb`, "of the attempt");
  assert.equal(put, 200);
  const { begun, spec: own } = await begin();
  const prefix = `${RUN}/own/a0/reproductions/${begun.id}`;
  assert.equal(own.env["_U_RUN_BASE"], prefix);
  const as = (method: "GET" | "PUT", uri: string) => asAttempt(url, { ...parent, spec: own }, method, uri);
  assert.equal(await as("GET", `${RUN}/own/a0/1/outputs.pb`), 200);
  assert.equal(await as("PUT", `${prefix}/outputs.pb`), 200);
  for (const uri of [
    `${RUN}/own/a0/1/outputs.pb`,
    `${RUN}/own/c1/inputs.pb`,
    `${RUN}/own/a0/reproductions/${begun.id}x/outputs.pb`,
    `${RUN}/other/a0/1/outputs.pb`,
    `s3://boxkite/${SCOPE.project}/${SCOPE.domain}/uploads/named/code.tgz`,
  ])
    assert.equal(await as("PUT", uri), 403, uri);
  assert.equal(await as("GET", `${RUN}/other/a0/1/outputs.pb`), 403);
});

test("its rights end when its caller says so, and its container is removed", async (t) => {
  const { begin, ask, path, executor, url, parent } = await subject(t);
  const { begun, spec: own, transport } = await begin();
  const runs = createClient(RunService, transport);
  const runId = { ...SCOPE, name: "own" };
  await runs.getRunDetails({ runId });
  assert.deepEqual((await ask("DELETE", `${path}/${begun.id}`)).content, {
    kind: "nothing",
  } satisfies ReproductionOutcome);
  assert.equal((await codeOf(runs.getRunDetails({ runId })))?.code, Code.Unauthenticated);
  const uri = `${RUN}/own/a0/reproductions/${begun.id}/x`;
  assert.equal(await asAttempt(url, { ...parent, spec: own }, "PUT", uri), 403);
  assert.deepEqual(executor.released, [begun.id]);
  assert.equal((await ask("DELETE", `${path}/${begun.id}`)).status, 200);
});

test("it is not ended through a run of the same name in another domain", async (t) => {
  const { begin, ask, transport: people, executor } = await subject(t);
  await createClient(RunService, people).createRun({
    id: { case: "runId", value: { ...SCOPE, domain: "staging", name: "own" } },
    task: { case: "taskSpec", value: spec },
  });
  const { begun, transport } = await begin();
  const other = reproductionsPath({ ...SCOPE, domain: "staging", run: "own", action: ROOT });
  assert.deepEqual(await ask("DELETE", `${other}/${begun.id}`), {
    status: 200,
    content: { kind: "nothing" },
  });
  await createClient(RunService, transport).getRunDetails({ runId: { ...SCOPE, name: "own" } });
  assert.deepEqual(executor.released, []);
});

test("it ends also where what its program wrote cannot be read", async (t) => {
  const { begin, ask, path, executor, url, parent } = await subject(t);
  const { begun, spec: own } = await begin();
  const uri = `${RUN}/own/a0/reproductions/${begun.id}/outputs.pb`;
  assert.equal(await asAttempt(url, { ...parent, spec: own }, "PUT", uri, "no protobuf"), 200);
  const { status, content } = await ask("DELETE", `${path}/${begun.id}`);
  assert.equal(status, 200);
  const { kind, ...error } = content as ReproductionOutcome & { readonly text?: string };
  assert.equal(kind, "error");
  assert.match(error.text ?? "", /^the program's outputs\.pb cannot be read: /u);
  assert.deepEqual(executor.released, [begun.id]);
});

test("it ends where its client is gone before it was prepared", async (t) => {
  const { executor, url, path } = await subject(t);
  const [asked, prepared] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { interactive } = executor as Executor;
  assert.ok(interactive !== undefined);
  const { prepare } = interactive;
  const isGone = Promise.withResolvers<void>();
  Object.assign(interactive, {
    prepare: async (options, signal) => {
      signal.addEventListener("abort", () => isGone.resolve());
      asked.resolve();
      await prepared.promise;
      return await prepare(options, signal);
    },
  } satisfies Partial<Interactive>);
  const client = new AbortController();
  const call = fetch(url + path, { method: "POST", body: "{}", signal: client.signal });
  await asked.promise;
  client.abort();
  await assert.rejects(call);
  await isGone.promise;
  prepared.resolve();
  await until(async () => executor.released.length === 1);
});

test("what its caller forgets ends by itself", async (t) => {
  const clock = steppedClock(Date.now());
  const { executor, begin } = await subject(t, { clock });
  const { begun, transport } = await begin();
  await clock.step(REPRODUCTION_LIFETIME_MS);
  assert.deepEqual(executor.released, [begun.id]);
  const call = createClient(RunService, transport).getRunDetails({ runId: { ...SCOPE, name: "own" } });
  assert.equal((await codeOf(call))?.code, Code.Unauthenticated);
});

test("where tasks run in no container, the command is refused with a hint", async (t) => {
  const executor = createFakeExecutor();
  const { url, transport } = await startInProcess(t, executor);
  await startTask(transport, executor, "own");
  const path = reproductionsPath({ ...SCOPE, run: "own", action: ROOT });
  const answer = await fetch(url + path, { method: "POST", body: "{}" });
  const { error } = (await answer.json()) as { readonly error: Readonly<Record<string, string>> };
  assert.equal(answer.status, 400);
  assert.equal(error["message"], "tasks of this server run in no container: fake");
  assert.match(error["hint"] ?? "", /boxkite up --engine podman/u);
});

test("what cannot be run again is refused with a hint", async (t) => {
  const { ask, path, parent } = await subject(t);
  const rows: readonly [path: string, body: object | undefined, status: number, message: RegExp][] = [
    [path, { attempt: 7 }, 400, /has no attempt 7$/u],
    [path, { set: { x: "3" } }, 400, /^the task has no input "x"$/u],
    [path, { attempt: "one" }, 400, /^the body is no request/u],
    [path.replace("/a0/", "/none/"), {}, 404, /none/u],
    [path.replace("/own/", "/none/"), {}, 404, /none/u],
  ];
  for (const [target, body, status, message] of rows) {
    const { status: got, content } = await ask("POST", target, body);
    const { error } = content as { readonly error: { readonly message: string; readonly hint?: string } };
    assert.deepEqual([got, message.test(error.message)], [status, true], error.message);
    assert.ok(status === 404 || error.hint !== undefined);
  }
  const token = parent.spec.env["_U_EP_OVERRIDE"]?.replace(/^[^/]*/u, "") ?? "";
  const byTask = await ask("POST", token + path, {});
  assert.equal(byTask.status, 400, "a task would keep its rights beyond its end");
});
