/** Runs of the stock SDK whose attempts are all in one resident worker. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { AttemptSpec } from "../../src/executors/executor.ts";
import { createFakeExecutor, type FakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { MAIN, outcomeOf } from "../helpers/process-subject.ts";
import { clientConfig, temporaryDirectory } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";
import { startResident, type OrderedWorker } from "./ordered-worker.ts";

const FLOW = `
import asyncio, os
import flyte
import flyte.report

env = flyte.TaskEnvironment(name="e", image="none:1")
calls = 0

@flyte.trace
async def double(x: int) -> int:
    return 2 * x

@env.task
async def leaf(x: int) -> int:
    global calls
    calls += 1
    print("leaf", x, os.environ["ACTION_NAME"])
    return await double(x)

@env.task
def sync_leaf(x: int) -> int:
    return x + 100

@env.task
async def bad(x: int) -> int:
    raise ValueError("bad leaf")

@env.task(report=True)
async def parent(x: int) -> str:
    with flyte.group("leaves"):
        found = await asyncio.gather(*(leaf(each) for each in range(x)))
    slow = await sync_leaf.aio(x)
    try:
        await bad(x)
    except flyte.errors.RuntimeUserError as error:
        caught = error.code
    await flyte.report.log.aio("a report", do_flush=True)
    own = flyte.ctx().action.run_name
    return repr((found, slow, caught, calls, own == os.environ["RUN_NAME"]))

@env.task
async def impatient(x: int) -> str:
    condition = await flyte.new_condition.aio("ok", prompt="go on?", data_type=bool, timeout=x)
    try:
        return str(await condition.wait.aio())
    except flyte.errors.ConditionTimedoutError as error:
        return type(error).__name__

@env.task
def sync_parent(x: int) -> int:
    return sync_leaf(x) + sync_leaf(x + 1)
`;

interface Subject {
  readonly worker: OrderedWorker;
  readonly executor: FakeExecutor;
  run(task: string, inputs: object): Promise<ReturnType<typeof outcomeOf>>;
}

/** A server whose executor is one worker. */
async function residentSubject(t: TestContext, concurrency: number): Promise<Subject> {
  const worker = await startResident(t, { files: {}, args: ["--concurrency", String(concurrency)] });
  const executor = createFakeExecutor(({ spec, observer }) => {
    const id = attemptName(spec);
    const args = spec.args[0] === "a0" ? spec.args.slice(1) : spec.args;
    worker.send({ op: "start", id, args, env: spec.env });
    void worker
      .report("exited", id)
      .then(({ code }) => observer.ended({ reason: "exited", exitCode: code, outOfMemory: false }));
  });
  const { url } = await startInProcess(t, {
    ...executor,
    endpointForAttempts: (port) => `127.0.0.1:${port}`,
  });
  const directory = await temporaryDirectory(t);
  const config = join(directory, "config.yaml");
  await writeFile(config, clientConfig(Number(new URL(url).port)));
  await writeProgram(directory, { "flow.py": FLOW, "main.py": MAIN });
  return {
    worker,
    executor,
    run: async (task, inputs) =>
      outcomeOf(
        succeeded(
          await runProgram(stockPython(), ["main.py", config, task, JSON.stringify(inputs)], {
            cwd: directory,
          }),
        ),
      ),
  };
}

function attemptName({ key }: AttemptSpec): string {
  return `${key.run}-${key.action}-${key.attempt}`;
}

test("a parent and its children run beside each other in one process, with traces, groups and reports", async (t) => {
  const { worker, run, executor } = await residentSubject(t, 4);
  const first = await run("parent", { x: 2 });
  const second = await run("parent", { x: 3 });
  assert.deepEqual(first.outputs, ["([0, 2], 102, 'ValueError', 2, True)"]);
  // The calls of the first run are known to the second.
  assert.deepEqual(second.outputs, ["([0, 2, 4], 103, 'ValueError', 5, True)"]);
  const leaves = executor.started.filter(({ spec }) => spec.args.includes("leaf"));
  assert.equal(leaves.length, 5);
  for (const { spec } of leaves) {
    const printed = String(await worker.file(attemptName(spec), "stdout"));
    assert.match(printed, new RegExp(`^leaf \\d ${spec.key.action}\\n$`, "u"));
  }
  assert.equal(worker.reports.filter(({ event }) => event === "spoiled").length, 0);
});

test("a sync parent runs its sync children in its own process", async (t) => {
  const { run, worker } = await residentSubject(t, 2);
  assert.deepEqual((await run("sync_parent", { x: 1 })).outputs, [203]);
  assert.equal(worker.reports.filter(({ event }) => event === "spoiled").length, 0);
});

test("conditions of the same name belong to their own runs", async (t) => {
  const { run, worker } = await residentSubject(t, 2);
  const ends = await Promise.all([run("impatient", { x: 1 }), run("impatient", { x: 2 })]);
  for (const { outputs } of ends) assert.deepEqual(outputs, ["ConditionTimedoutError"]);
  assert.equal(worker.reports.filter(({ event }) => event === "spoiled").length, 0);
});
