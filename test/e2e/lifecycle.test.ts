/** Aborts, restarts, replays and reruns, with the stock Python SDK and tasks as processes. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { before, test } from "node:test";
import { outcomeOf, processSubject, usePython } from "../helpers/process-subject.ts";
import { startServer, temporaryDirectory } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

let python = "";
before(() => {
  python = stockPython();
  usePython(python);
});

const SLOW_CHILD = `
import asyncio, pathlib, flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def slow(place: str) -> int:
    pathlib.Path(place, "slow-began").touch()
    await asyncio.sleep(600)
    return 1

@env.task
async def awaits(place: str) -> str:
    try:
        await slow(place)
    except BaseException as error:
        return type(error).__name__
    return "nothing"

@env.task
async def gives_up(place: str) -> str:
    child = asyncio.create_task(slow(place))
    while not pathlib.Path(place, "slow-began").exists():
        await asyncio.sleep(0.1)
    child.cancel()
    try:
        await child
    except asyncio.CancelledError:
        return "cancelled"
    return "not cancelled"
`;

const PHASES = `
import sys, json, flyte
from flyte.remote import Action
flyte.init_from_config(sys.argv[1])
print(json.dumps({action.task_name: str(action.phase).upper() for action in Action.listall(for_run_name=sys.argv[2])}))
`;

test("an aborted child gives its parent the SDK's exception, and the parent goes on", async (t) => {
  const { run, flyte, directory, python: program } = await processSubject(t, SLOW_CHILD);
  const waiting = run("awaits", { place: directory }, { name: "parent" });
  await until(async () => (await readdir(directory)).includes("slow-began"));
  const found = await program(
    "child.py",
    `
import sys, flyte
from flyte.remote import Action
flyte.init_from_config(sys.argv[1])
print([action.name for action in Action.listall(for_run_name="parent") if action.task_name == "e.slow"][0])
`,
  );
  succeeded(await flyte("abort", "action", "parent", found.stdout.trim().split("\n").at(-1) ?? ""));
  assert.deepEqual((await waiting).outputs, ["ActionAbortedError"]);
});

test("a parent that cancels its child ends it", async (t) => {
  const { server, run, directory } = await processSubject(t, SLOW_CHILD);
  const outcome = await run("gives_up", { place: directory });
  assert.deepEqual(outcome.outputs, ["cancelled"]);
  const phases = succeeded(
    await runProgram(python, ["-c", PHASES, server.config, outcome.name], { cwd: directory }),
  );
  assert.match(phases.stdout, /"e\.slow": "[^"]*ABORTED"/u);
});

test("a trace that has completed is not run again when its parent is killed and retried", async (t) => {
  const { run, directory } = await processSubject(
    t,
    `
import os, pathlib, signal, uuid, flyte
env = flyte.TaskEnvironment(name="e")

@flyte.trace
async def step(place: str) -> str:
    name = f"trace.{uuid.uuid4().hex}"
    pathlib.Path(place, name).touch()
    return name

@env.task(retries=1)
async def parent(place: str) -> str:
    name = await step(place)
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        os.kill(os.getpid(), signal.SIGKILL)
    return name
`,
  );
  const outcome = await run("parent", { place: directory });
  const traces = (await readdir(directory)).filter((name) => name.startsWith("trace."));
  assert.deepEqual(outcome.outputs, traces);
});

test("a deadline survives a restart of the server, and fires when it is due", async (t) => {
  const data = await temporaryDirectory(t);
  const { server, directory } = await processSubject(
    t,
    `
import asyncio, flyte
from datetime import timedelta
env = flyte.TaskEnvironment(name="e")

@env.task(timeout=flyte.Timeout(deadline=timedelta(seconds=8)))
async def too_late(x: int) -> int:
    await asyncio.sleep(600)
    return x
`,
    ["--data", data],
  );
  const client = runProgram(python, ["main.py", server.config, "too_late", '{"x": 1}', '{"name": "late"}'], {
    cwd: directory,
  });
  const page = `${server.ready.url}/v2/domain/development/project/flytesnacks/runs/late`;
  await until(async () => /data-phase="(?:initializing|running)"/u.test(await (await fetch(page)).text()));
  await server.kill("SIGKILL");
  const again = ["--engine", "process", "--python", python, "--data", data, "--port", String(server.port)];
  await startServer(t, { args: again });
  const readyAt = Date.now();
  const outcome = outcomeOf(succeeded(await client));
  assert.equal(outcome.code, "DEADLINE_EXCEEDED");
  const times = await runProgram(
    python,
    [
      "-c",
      `
import sys, flyte
from flyte.remote import Run
flyte.init_from_config(sys.argv[1])
status = Run.get("late").details().action_details.pb2.status
print(status.start_time.ToMilliseconds(), status.end_time.ToMilliseconds())
`,
      server.config,
    ],
    { cwd: directory },
  );
  const [startedAt = 0, endedAt = 0] = succeeded(times).stdout.trim().split(" ").map(Number);
  // The deadline counts from when the run was accepted, shortly before its start. A server that was down fires it late;
  // how late a running server may fire it is tested with a stepped clock in test/orchestrator/time.test.ts.
  assert.ok(endedAt - startedAt >= 7_000, `${endedAt - startedAt} ms`);
  assert.ok(
    endedAt <= Math.max(startedAt + 8_000, readyAt) + 10_000,
    `${endedAt - readyAt} ms after the start`,
  );
});

test("rerun: with the same inputs, with changed inputs, of one action; the new run names the run it repeats", async (t) => {
  const { run, python: program } = await processSubject(
    t,
    `
import flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def double(x: int) -> int:
    return 2 * x

@env.task
async def outer(x: int) -> int:
    return await double(x + 1)
`,
  );
  await run("double", { x: 4 }, { name: "first" });
  await run("outer", { x: 6 }, { name: "nested" });
  const result = await program(
    "rerun.py",
    `
import sys, json, flyte
from flyte.remote import Action
flyte.init_from_config(sys.argv[1])
same = flyte.with_runcontext().rerun("first")
same.wait()
changed = flyte.with_runcontext().rerun("first", x=10)
changed.wait()
relation = same.details().pb2.run_spec.relation
child = [action.name for action in Action.listall(for_run_name="nested") if action.task_name == "e.double"][0]
one = flyte.with_runcontext().rerun("nested", action_name=child)
one.wait()
print(json.dumps([same.outputs()[0], changed.outputs()[0], relation.related_to.name, one.outputs()[0]]))
`,
  );
  assert.deepEqual(JSON.parse(result.stdout.trim().split("\n").at(-1) ?? ""), [8, 20, "first", 14]);
});

test("a run started by a task records its parent run, whose task can read its files", async (t) => {
  const { run, python: program } = await processSubject(
    t,
    `
import flyte
from flyte.io import File
env = flyte.TaskEnvironment(name="e")

@env.task
async def inner(x: int) -> File:
    with open("made.txt", "w") as made:
        made.write(str(x + 1))
    return await File.from_local("made.txt")

@env.task
async def starts(x: int) -> list[str]:
    run = await flyte.with_runcontext(mode="remote").run.aio(inner, x=x)
    await run.wait.aio(quiet=True)
    made = (await run.outputs.aio())[0]
    async with made.open("rb") as file:
        return [run.name, bytes(await file.read()).decode()]
`,
  );
  const outcome = await run("starts", { x: 1 }, { name: "outer-run" });
  const [[name, content]] = outcome.outputs as [[string, string]];
  assert.equal(content, "2");
  const shown = await program(
    "relation.py",
    `
import sys, flyte
from flyte.remote import Run
flyte.init_from_config(sys.argv[1])
details = Run.get(${JSON.stringify(name)}).details().pb2
print(details.run_spec.relation.related_to.name, details.run_spec.relation.relation_type, details.action.status.phase)
`,
  );
  assert.equal(shown.stdout.trim().split("\n").at(-1), "outer-run 3 5");
});

test("an error that a retry cannot fix is not retried", async (t) => {
  const { run, directory } = await processSubject(
    t,
    `
import pathlib, uuid, flyte, flyte.errors
env = flyte.TaskEnvironment(name="e")

@env.task(retries=3)
async def hopeless(place: str) -> int:
    pathlib.Path(place, f"try.{uuid.uuid4().hex}").touch()
    raise flyte.errors.NonRecoverableError("no use")
`,
  );
  const outcome = await run("hopeless", { place: directory });
  assert.match(outcome.phase.toLowerCase(), /failed/u);
  assert.equal((await readdir(directory)).filter((name) => name.startsWith("try.")).length, 1);
});
