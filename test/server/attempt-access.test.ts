/** What a task may call with the token in its endpoint: its own run and the runs that it starts, while it runs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { IdentityService } from "../../src/wire/gen/flyteidl2/auth/identity_pb.js";
import { ClusterService } from "../../src/wire/gen/flyteidl2/cluster/service_pb.js";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { ProjectService } from "../../src/wire/gen/flyteidl2/project/project_service_pb.js";
import { TaskService } from "../../src/wire/gen/flyteidl2/task/task_service_pb.js";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { enqueueRequest, ROOT, taskSpec } from "../../bench/helpers/requests.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { until } from "../helpers/until.ts";

const scope = { project: "flytesnacks", domain: "development" };
const projectId = { name: scope.project, domain: scope.domain };
const spec = taskSpec({ command: ["true"] });
const runOf = (name: string) => ({ ...scope, name });

test("a task may call for its own run and for the runs that it starts, and for nothing else", async (t) => {
  const executor = createFakeExecutor();
  const { url, transport } = await startInProcess(t, executor);
  const people = createClient(RunService, transport);
  const start = async (name: string, client = people) =>
    client.createRun({ id: { case: "runId", value: runOf(name) }, task: { case: "taskSpec", value: spec } });
  await start("own");
  await start("other");
  // Recorded after it has started.
  await until(async () => {
    const { details } = await people.getRunDetails({ runId: runOf("own") });
    return details?.action?.status?.phase === ActionPhase.RUNNING;
  });
  const own = executor.started.find(({ spec: { key } }) => key.run === "own");
  const endpoint = own?.spec.env["_U_EP_OVERRIDE"] ?? "";
  const path = endpoint.slice(endpoint.indexOf("/"));
  const task = createConnectTransport({ baseUrl: url + path, httpVersion: "1.1" });
  const runs = createClient(RunService, task);
  const actions = createClient(ActionsService, task);

  const allowed: Record<string, () => Promise<unknown>> = {
    "a child": () => actions.enqueue(enqueueRequest("own", "c1", spec)),
    "its run": () => runs.getRunDetails({ runId: runOf("own") }),
    "an action of its run": () => runs.getActionDetails({ actionId: { run: runOf("own"), name: "c1" } }),
    "its children's end": () =>
      actions.abort({ actionId: { run: runOf("own"), name: "c1" }, reason: "enough" }),
    "where the server is": () => createClient(ClusterService, task).selectCluster({}),
    "who it is": () => createClient(IdentityService, task).userInfo({}),
    "deployed tasks": () =>
      createClient(TaskService, task).listTasks({ scopeBy: { case: "projectId", value: projectId } }),
    "a run": () => start("started", runs),
    "the run that it started": () => runs.getRunDetails({ runId: runOf("started") }),
    "the end of the run that it started": () => runs.abortRun({ runId: runOf("started") }),
    "inputs of a run that it starts": () =>
      createClient(DataProxyService, task).uploadInputs({ id: { case: "projectId", value: projectId } }),
  };
  for (const [what, call] of Object.entries(allowed)) await assert.doesNotReject(call(), what);

  const refused: Record<string, () => Promise<unknown>> = {
    "a child of another's": () =>
      actions.enqueue({ action: { ...enqueueRequest("own", "c2", spec).action, parentActionName: "c1" } }),
    "a child in another run": () => actions.enqueue(enqueueRequest("other", "c", spec)),
    "another run": () => runs.getRunDetails({ runId: runOf("other") }),
    "another run's action": () => runs.getActionDetails({ actionId: { run: runOf("other"), name: ROOT } }),
    "another run's end": () => runs.abortRun({ runId: runOf("other") }),
    "a run that does not exist": () => runs.getRunDetails({ runId: runOf("missing") }),
    "all runs": () => runs.listRuns({}),
    "a project": () => createClient(ProjectService, task).createProject({ project: { id: "mine" } }),
    "a deployed task": () =>
      createClient(TaskService, task).deployTask({ taskId: { ...scope, name: "x.y", version: "1" }, spec }),
  };
  for (const [what, call] of Object.entries(refused)) {
    const error = await call().then(() => assert.fail(`${what} was allowed`), ConnectError.from);
    assert.equal(error.code, Code.PermissionDenied, `${what}: ${error.message}`);
    assert.match(error.rawMessage, /^a task of run own may not (?:create|read|change) .*; hint: /u);
  }

  await people.abortRun({ runId: runOf("own") });
  const late = await runs
    .getRunDetails({ runId: runOf("own") })
    .then(() => assert.fail("late"), ConnectError.from);
  assert.equal(late.code, Code.Unauthenticated, "its attempt has ended");
  const forged = createConnectTransport({ baseUrl: `${url}/t/bka.x.y`, httpVersion: "1.1" });
  const unknown = await createClient(RunService, forged)
    .getRunDetails({ runId: runOf("other") })
    .then(() => assert.fail("forged"), ConnectError.from);
  assert.equal(unknown.code, Code.Unauthenticated);
});
