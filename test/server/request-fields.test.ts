/**
 * Fields that act where a run or an action is made: set in a call, each is seen in what the server says or does.
 * src/services/enforced-fields.test.ts holds this list to the table of what is enforced.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import {
  ActionsService,
  type ActionSchema,
} from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { SimpleType } from "../../src/wire/gen/flyteidl2/core/types_pb.js";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { TaskSpecSchema } from "../../src/wire/gen/flyteidl2/task/task_definition_pb.js";
import { TaskService } from "../../src/wire/gen/flyteidl2/task/task_service_pb.js";
import {
  RunService,
  type CreateRunRequestSchema,
} from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { createEgressAllowance } from "../../src/lib/egress-allowance.ts";
import { createEgressRule } from "../../src/lib/egress.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { until } from "../helpers/until.ts";

const PROJECT = { name: "flytesnacks", domain: "development" };
const runId = (name: string) => ({ project: PROJECT.name, domain: PROJECT.domain, name });
const at = (seconds: number) => ({ seconds: BigInt(seconds) });

const taskOf = (metadata: object) => ({
  case: "taskSpec" as const,
  value: create(TaskSpecSchema, {
    taskTemplate: {
      id: { name: "env.task", version: "1" },
      type: "python",
      metadata,
      target: { case: "container", value: { image: "fake:1", args: ["{{.input}}", "{{.runStartTime}}"] } },
    },
  }),
});
/** Of equal actions one computes, and the others wait for it. */
const TASK = taskOf({ discoverable: true, discoveryVersion: "1", cacheSerializable: true });
const UNCACHED = taskOf({});

async function subject(t: TestContext) {
  const executor = createFakeExecutor();
  const receiver = await startReceiver(t);
  const egress = createEgressRule({ allowance: createEgressAllowance([new URL(receiver.url).host]) });
  const { transport, url } = await startInProcess(t, executor, { maxParallel: 100, egress });
  const runs = createClient(RunService, transport);
  const actions = createClient(ActionsService, transport);
  const data = createClient(DataProxyService, transport);
  const started = async (run: string, action = "a0") => {
    const of = () => executor.started.find(({ spec }) => spec.key.run === run && spec.key.action === action);
    await until(async () => of() !== undefined);
    return of()?.spec;
  };
  let count = 0;
  return {
    url,
    receiver,
    runs,
    started,
    transport,
    data,
    /** Makes a run, and says what it is called. */
    run: async (more: MessageInitShape<typeof CreateRunRequestSchema>) => {
      const id = { case: "runId" as const, value: runId(`r${++count}`) };
      const { run } = await runs.createRun({ id, task: TASK, ...more });
      return run?.action?.id?.run?.name ?? "";
    },
    /** Makes an action of run `parent`, and says what became of it. */
    enqueue: async (more: object) => {
      const actionId = { run: runId("parent"), name: `c${++count}` };
      const action = { actionId, parentActionName: "a0", ...more } as MessageInitShape<typeof ActionSchema>;
      await actions.enqueue({ action });
      const { details } = await runs.getActionDetails({ actionId });
      return { actionId, details, uris: await runs.getActionDataURIs({ actionId }) };
    },
    detailsOf: async (actionId: { run: ReturnType<typeof runId>; name: string }) =>
      (await runs.getActionDetails({ actionId })).details,
  };
}

test("fields of a run", async (t) => {
  const { run, runs, started, data, transport } = await subject(t);

  await t.test(`"CreateRunRequest.run_id", "CreateRunRequest.project_id"`, async () => {
    assert.equal(await run({ id: { case: "runId", value: runId("mine") } }), "mine");
    const made = await run({ id: { case: "projectId", value: PROJECT } });
    assert.match(made, /^r.{19}$/u);
    const nowhere = run({ id: { case: "projectId", value: { ...PROJECT, name: "nowhere" } } });
    await assert.rejects(nowhere, /nowhere/u);
  });

  await t.test(`"CreateRunRequest.task_id"`, async () => {
    const taskId = { project: PROJECT.name, domain: PROJECT.domain, name: "env.deployed", version: "7" };
    const target = { case: "container" as const, value: { image: "deployed:7" } };
    const spec = create(TaskSpecSchema, {
      taskTemplate: { id: { name: "env.deployed" }, type: "python", target },
    });
    await createClient(TaskService, transport).deployTask({ taskId, spec });
    const triggers = [{ name: "hourly" }];
    await assert.rejects(
      createClient(TaskService, transport).deployTask({ taskId, spec, triggers }),
      /task env\.deployed \(hourly\) has triggers, and this server has none yet; hint: /u,
    );
    const name = await run({ task: { case: "taskId", value: taskId } });
    assert.equal((await started(name))?.image.reference, "deployed:7");
  });

  await t.test(`"CreateRunRequest.run_start_time", "RunSpec.run_start_time"`, async () => {
    const startOf = async (name: string) => (await started(name))?.args[1];
    const ofRequest = await run({ runStartTime: at(1), task: UNCACHED });
    assert.equal(await startOf(ofRequest), "1970-01-01T00:00:01.000Z");
    const ofSpec = await run({ runSpec: { runStartTime: at(2) }, task: UNCACHED });
    assert.equal(await startOf(ofSpec), "1970-01-01T00:00:02.000Z");
    await assert.rejects(run({ runStartTime: at(1e15) }), /start time of the run is not between/u);
  });

  await t.test(`"Inputs.literals", "Inputs.context"`, async () => {
    const inputs = { literals: [{ name: "x" }], context: [{ key: "k", value: "v" }] };
    const name = await run({ inputWrapper: { case: "inputs", value: inputs }, task: UNCACHED });
    const { inputs: told } = await data.getActionData({ actionId: { run: runId(name), name: "a0" } });
    assert.deepEqual(
      [told?.literals.map((literal) => literal.name), told?.context.map(({ key, value }) => [key, value])],
      [["x"], [["k", "v"]]],
    );
  });

  await t.test(`"OffloadedInputData.uri", "OffloadedInputData.inputs_hash"`, async () => {
    const { offloadedInputData: stored } = await data.uploadInputs({
      id: { case: "projectId", value: PROJECT },
      task: TASK,
      inputs: { literals: [{ name: "y" }] },
    });
    const uri = stored?.uri ?? "";
    const offloaded = (inputsHash: string) =>
      run({ inputWrapper: { case: "offloadedInputData", value: { uri, inputsHash } } });
    const first = await offloaded("one");
    assert.equal((await started(first))?.args[0], uri);
    const waits = await offloaded("one");
    await started(await offloaded("two"));
    const { details } = await runs.getRunDetails({ runId: runId(waits) });
    assert.equal(details?.action?.status?.phase, ActionPhase.WAITING_FOR_RESOURCES);
  });
});

test("a task whose attempts could never start is refused as the root of a run, as a child and when it is deployed", async (t) => {
  const { run, enqueue, started, transport, runs } = await subject(t);
  await run({ id: { case: "runId", value: runId("parent") } });
  await started("parent");
  const task = taskOf({ podTemplateName: "absent" });
  const refused =
    /task env\.task cannot run here: the attempt asks for podTemplate, which the fake .*hint: /u;
  await assert.rejects(run({ id: { case: "runId", value: runId("refused") }, task }), refused);
  await assert.rejects(runs.getRunDetails({ runId: runId("refused") }), /no run "?refused/u);
  await assert.rejects(enqueue({ spec: { case: "task", value: { spec: task.value } } }), refused);
  const taskId = { project: PROJECT.name, domain: PROJECT.domain, name: "env.task", version: "1" };
  await assert.rejects(
    createClient(TaskService, transport).deployTask({ taskId, spec: task.value }),
    refused,
  );
});

/** Of the run of the next test, which its actions' inputs and outputs are in. */
const FOLDER = "s3://boxkite/flytesnacks/development/runs/parent";

test("fields of an action", async (t) => {
  const { url, receiver, run, enqueue, started, detailsOf } = await subject(t);
  await run({ id: { case: "runId", value: runId("parent") } });
  await started("parent");
  const task = { case: "task" as const, value: { spec: TASK.value } };

  await t.test(
    `"Action.action_id", "Action.parent_action_name", "Action.input_uri", "Action.group"`,
    async () => {
      const { actionId, details, uris } = await enqueue({
        spec: task,
        inputUri: `${FOLDER}/i`,
        group: "g",
      });
      assert.equal(details?.id?.name, actionId.name);
      assert.deepEqual([details?.metadata?.parent, details?.metadata?.group], ["a0", "g"]);
      assert.equal(uris.inputsUri, `${FOLDER}/i`);
      await assert.rejects(enqueue({ spec: task, parentActionName: "none" }), /parent action none/u);
    },
  );

  await t.test(`"TaskAction.cache_key", "TaskAction.queue"`, async () => {
    const keyed = (cacheKey: string) => enqueue({ spec: { ...task, value: { spec: TASK.value, cacheKey } } });
    await started("parent", (await keyed("one")).actionId.name);
    const waits = await keyed("one");
    await started("parent", (await keyed("two")).actionId.name);
    assert.equal((await detailsOf(waits.actionId))?.status?.phase, ActionPhase.WAITING_FOR_RESOURCES);
    const queued = enqueue({ spec: { ...task, value: { spec: TASK.value, queue: "gpu" } } });
    await assert.rejects(queued, /there is no queue gpu/u);
  });

  await t.test(
    `"TraceAction.name", "TraceAction.phase", "TraceAction.start_time", "TraceAction.end_time", "OutputReferences.output_uri"`,
    async () => {
      const outputs = { outputUri: `${FOLDER}/o` };
      const trace = (phase: ActionPhase) =>
        enqueue({
          spec: { case: "trace", value: { name: "step", phase, startTime: at(1), endTime: at(3), outputs } },
        });
      const { details, uris } = await trace(ActionPhase.SUCCEEDED);
      const status = details?.status;
      assert.equal(details?.metadata?.funtionName, "step");
      assert.deepEqual([status?.phase, status?.durationMs], [ActionPhase.SUCCEEDED, 2000n]);
      assert.deepEqual([status?.startTime?.seconds, status?.endTime?.seconds], [1n, 3n]);
      assert.equal(uris.outputsUri, `${FOLDER}/o`);
      assert.equal((await trace(ActionPhase.FAILED)).details?.status?.phase, ActionPhase.FAILED);
      await assert.rejects(trace(ActionPhase.RUNNING), /neither succeeded nor failed/u);
    },
  );

  await t.test(
    `"ConditionAction.name", "ConditionAction.type", "ConditionAction.prompt", "ConditionAction.description"`,
    async () => {
      const ask = (simple: SimpleType) => {
        const type = { type: { case: "simple" as const, value: simple } };
        const value = { name: "approve", prompt: "Go on?", description: "for the test", type };
        return enqueue({ spec: { case: "condition", value } });
      };
      const { actionId } = await ask(SimpleType.INTEGER);
      const page = `${url}/v2/domain/${PROJECT.domain}/project/${PROJECT.name}/runs/parent`;
      const shown = await (await fetch(`${page}?i=${actionId.name}`)).text();
      for (const text of ["approve", "Go on?", "for the test", "Whole number"])
        assert.ok(shown.includes(text), text);
      await assert.rejects(ask(SimpleType.DATETIME), /condition approve asks for a value of a type/u);
    },
  );

  await t.test(`"ConditionAction.timeout", "ConditionWebhook.url", "ConditionWebhook.payload"`, async () => {
    const webhook = { url: receiver.url, payload: { a: "b", answerAt: "{callback_uri}" } };
    const value = { name: "soon", timeout: { nanos: 1_000_000 }, webhook };
    const { actionId } = await enqueue({ spec: { case: "condition", value } });
    await until(async () => (await detailsOf(actionId))?.status?.phase === ActionPhase.TIMED_OUT);
    await until(async () => receiver.received.length > 0);
    const sent = JSON.parse(receiver.received[0]?.body ?? "") as { a: string; answerAt: string };
    assert.equal(sent.a, "b");
    // Not the address of the task's own call, which may be one that only containers know.
    assert.ok(sent.answerAt.startsWith(`http://localhost:${new URL(url).port}/v2/`), sent.answerAt);
    assert.ok([400, 409].includes((await fetch(sent.answerAt, { method: "POST", body: "{}" })).status));
  });
});
