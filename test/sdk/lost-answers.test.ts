/** Calls whose answer is lost after the server has carried them out. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { create } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { createControlPlane, type ControlPlane } from "../../src/client/control-plane.ts";
import { createTransport } from "../../src/client/transport.ts";
import { systemClock } from "../../src/lib/clock.ts";
import * as flyte from "../../src/sdk/index.ts";
import { definitionOf } from "../../src/sdk/authoring/task.ts";
import { deployTask } from "../../src/sdk/start/deployment.ts";
import { encodeRunSpec } from "../../src/sdk/start/run-spec.ts";
import { signalCondition } from "../../src/sdk/start/signal.ts";
import { submitRun } from "../../src/sdk/start/submit-run.ts";
import type { Container } from "../../src/runtime/container.ts";
import { RunConnection } from "../../src/runtime/run-connection.ts";
import type { ActiveContext } from "../../src/sdk/authoring/active-context.ts";
import { ActionsService, type Action } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { SimpleType } from "../../src/wire/gen/flyteidl2/core/types_pb.js";
import { ProjectService } from "../../src/wire/gen/flyteidl2/project/project_service_pb.js";
import { InputsSchema } from "../../src/wire/gen/flyteidl2/task/common_pb.js";
import { TaskSpecSchema } from "../../src/wire/gen/flyteidl2/task/task_definition_pb.js";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { startLossyProxy, type LossyProxy, type Loss } from "../helpers/lossy-proxy.ts";

const scope = { org: "", project: "flytesnacks", domain: "development" };
const LOSSES: readonly Loss[] = [{ kind: "cut" }, { kind: "unavailable" }];

/** Waits pass at once. */
const clock = { ...systemClock, sleep: async () => undefined };

interface Connection {
  readonly proxy: LossyProxy;
  readonly transport: Transport;
  readonly controlPlane: ControlPlane;
}

async function connect(t: TestContext): Promise<Connection> {
  const { url } = await startInProcess(t, createFakeExecutor());
  const proxy = await startLossyProxy(t, url);
  const transport = createTransport({ baseUrl: proxy.url }, clock);
  return { proxy, transport, controlPlane: createControlPlane(proxy.url, transport) };
}

function start(controlPlane: ControlPlane, name?: string, annotations: Record<string, string> = {}) {
  const id = { ...scope, name: "team.task", version: "1" };
  const container = { case: "container" as const, value: { image: "team:1", args: ["run"] } };
  return submitRun(controlPlane, {
    scope,
    name,
    taskName: "team.task",
    target: {
      case: "taskSpec",
      value: create(TaskSpecSchema, { taskTemplate: { id, type: "typescript", target: container } }),
    },
    interface: { inputs: [], outputs: [], shape: "none" },
    inputs: create(InputsSchema),
    spec: encodeRunSpec({ annotations }),
  });
}

async function namesOf({ runs }: ControlPlane): Promise<string[]> {
  const value = { organization: "", name: scope.project, domain: scope.domain };
  const listed = await runs.listRuns({ request: { limit: 100 }, scopeBy: { case: "projectId", value } });
  return listed.runs.map((run) => run.action?.id?.run?.name ?? "");
}

test("a run is started once, whether or not its author chose the name", async (t) => {
  const { proxy, controlPlane } = await connect(t);
  for (const [index, loss] of LOSSES.entries()) {
    for (const name of [undefined, `nightly-${index}`]) {
      const before = await namesOf(controlPlane);
      const calls = proxy.calls("CreateRun");
      proxy.loseNext("CreateRun", loss);
      const run = await start(controlPlane, name, { team: "a" });
      assert.equal(proxy.calls("CreateRun"), calls + 2);
      const added = (await namesOf(controlPlane)).filter((known) => !before.includes(known));
      assert.deepEqual(added, [run.name]);
      if (name !== undefined) assert.equal(run.name, name);
      const { details } = await controlPlane.runs.getRunDetails({ runId: run.id });
      assert.equal(details?.runSpec?.annotations?.values["team"], "a");
    }
  }
});

test("a name that somebody else has taken is refused, also where an answer was lost", async (t) => {
  const { proxy, controlPlane } = await connect(t);
  const first = await start(controlPlane, "nightly");
  await assert.rejects(start(controlPlane, "nightly"), { code: "RUN_EXISTS" });
  const { details } = await controlPlane.runs.getRunDetails({ runId: first.id });
  // The settings of the run that is repeated are those of the new one, its mark is not.
  const settings = details?.runSpec?.annotations?.values ?? {};
  assert.equal(Object.keys(settings).length, 1);
  proxy.loseNext("CreateRun", { kind: "instead", what: () => start(controlPlane, "weekly") });
  await assert.rejects(start(controlPlane, "weekly"), { code: "RUN_EXISTS" });
  for (const loss of LOSSES) {
    proxy.loseNext("CreateRun", loss);
    await assert.rejects(start(controlPlane, "nightly", settings), { code: "RUN_EXISTS" });
  }
  const again = await start(controlPlane, undefined, settings);
  const repeated = await controlPlane.runs.getRunDetails({ runId: again.id });
  assert.deepEqual(repeated.details?.runSpec?.annotations?.values, {});
});

test("an answer to a condition counts once; that of somebody else is not taken for it", async (t) => {
  const { proxy, transport, controlPlane } = await connect(t);
  const run = await start(controlPlane);
  const signal = (condition: string, answer: boolean | number | string) =>
    signalCondition(controlPlane, run.id, condition, answer, clock);
  const ask = async (name: string, type: SimpleType) =>
    createClient(ActionsService, transport).enqueue({
      action: {
        actionId: { run: run.id, name },
        parentActionName: "a0",
        spec: { case: "condition", value: { name, type: { type: { case: "simple", value: type } } } },
      },
    });
  for (const [type, answer, other] of [
    [SimpleType.BOOLEAN, true, false],
    [SimpleType.INTEGER, 3, 4],
    [SimpleType.FLOAT, 0.5, 1.5],
    [SimpleType.STRING, "yes", "no"],
  ] as const) {
    for (const [index, loss] of LOSSES.entries()) {
      const name = `c${type}-${index}`;
      await ask(name, type);
      const calls = proxy.calls("SignalEvent");
      proxy.loseNext("SignalEvent", loss);
      await signal(name, answer);
      assert.equal(proxy.calls("SignalEvent"), calls + 2);
    }
    const name = `c${type}`;
    await ask(name, type);
    proxy.loseNext("SignalEvent", { kind: "instead", what: () => signal(name, other) });
    await assert.rejects(signal(name, answer), { code: "INVALID_ARGUMENT" });
  }
});

test("an abort may be repeated", async (t) => {
  const { proxy, controlPlane } = await connect(t);
  for (const loss of LOSSES) {
    const run = await start(controlPlane);
    proxy.loseNext("AbortRun", loss);
    await run.abort("not needed");
    assert.equal(await run.wait(), "aborted");
  }
});

test("a deployment says whether the version existed before, also where an answer was lost", async (t) => {
  const { proxy, controlPlane } = await connect(t);
  const env = new flyte.TaskEnvironment({ name: "team", image: "team:1" });
  const task = definitionOf(env.task({ name: "task", module: import.meta.filename }, async () => undefined));
  const settings = {
    ...scope,
    images: { team: "team:1" },
    imageCache: "",
    bundle: undefined,
    rootDir: import.meta.dirname,
  };
  const deploy = async (version: string) =>
    (await deployTask(controlPlane, task, { ...settings, version })).created;
  for (const loss of LOSSES) {
    proxy.loseNext("DeployTask", loss);
    assert.equal(await deploy(loss.kind), true);
    assert.equal(await deploy(loss.kind), false);
  }
});

test("a call that is not known to be safe is not repeated", async (t) => {
  const { proxy, transport } = await connect(t);
  const projects = createClient(ProjectService, transport);
  proxy.loseNext("CreateProject", { kind: "unavailable" });
  await assert.rejects(projects.createProject({ project: { id: "p1", name: "p1" } }), /unavailable/);
  assert.equal(proxy.calls("CreateProject"), 1);
});

test("an action of a task is accepted once, also where the connection was cut before the answer", async (t) => {
  const { proxy, transport, controlPlane } = await connect(t);
  const run = await start(controlPlane);
  const given = { ...scope, run: run.name, action: "a0", runBaseDir: "" };
  const container = { arguments: given, env: {} } as unknown as Container;
  const connection = new RunConnection(container, transport, clock);
  const value = { name: "approve", type: { type: { case: "simple", value: SimpleType.BOOLEAN } } };
  for (const [index, loss] of LOSSES.entries()) {
    const calls = proxy.calls("Enqueue");
    proxy.loseNext("Enqueue", loss);
    const spec = { case: "condition", value } as unknown as Action["spec"];
    const context = { group: undefined } as ActiveContext;
    await connection.enqueue({ name: `c${index}`, inputUri: "", spec }, context);
    assert.equal(proxy.calls("Enqueue"), calls + 2);
  }
});
