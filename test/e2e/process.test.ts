/** The stock Python SDK against a real server that runs tasks as processes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { before, test } from "node:test";
import { MAIN, outcomeOf, processSubject, usePython } from "../helpers/process-subject.ts";
import { startServer, temporaryDirectory } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

let python = "";
before(() => {
  python = stockPython();
  usePython(python);
});

const TWO_ENVIRONMENTS = `
import sys
import flyte

env_train = flyte.TaskEnvironment(name="training")
env_data = flyte.TaskEnvironment(name="data-prep", depends_on=[env_train])

@env_train.task
async def train(processed: str) -> float:
    return float(len(processed))

@env_data.task
async def prepare(raw: str = "Hello World") -> float:
    return await train(raw.strip().lower())
`;

test("a parent awaits its child in another environment", async (t) => {
  const { server, run } = await processSubject(t, TWO_ENVIRONMENTS);
  const outcome = await run("prepare", { raw: "  Hello World " });
  assert.deepEqual(outcome.outputs, [11]);
  assert.deepEqual(outcome.actions, ["data-prep.prepare", "training.train"]);
  assert.equal(
    outcome.url,
    `${server.ready.url}/v2/domain/development/project/flytesnacks/runs/${outcome.name}`,
  );
});

test("changed code is what the next run executes", async (t) => {
  const { directory, run } = await processSubject(t, TWO_ENVIRONMENTS);
  assert.deepEqual((await run("prepare", { raw: "abc" })).outputs, [3]);
  await writeFile(
    join(directory, "flow.py"),
    TWO_ENVIRONMENTS.replace("float(len(processed))", "float(len(processed)) + 100"),
  );
  assert.deepEqual((await run("prepare", { raw: "abc" })).outputs, [103]);
});

test("a task that raises: its own error, its class in the parent, and its log", async (t) => {
  const { run, flyte } = await processSubject(
    t,
    `
import flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def child(x: int) -> int:
    print("about to fail")
    raise ValueError("x is too small")

@env.task
async def parent(x: int) -> str:
    try:
        return str(await child(x))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
`,
  );
  assert.deepEqual((await run("parent", { x: 1 })).outputs, ["RuntimeUserError: x is too small"]);
  const failed = await run("child", { x: 1 });
  assert.match(failed.phase.toLowerCase(), /failed/);
  assert.equal(failed.code, "ValueError");
  assert.match(failed.error ?? "", /x is too small/);
  assert.equal(failed.kind, 1);
  const logs = succeeded(await flyte("get", "logs", failed.name));
  assert.match(logs.stdout, /about to fail/);
});

test("a task that fails is retried as often as it asks; the error of exhausted retries says so", async (t) => {
  const { run } = await processSubject(
    t,
    `
import os, flyte
env = flyte.TaskEnvironment(name="e")

@env.task(retries=2)
async def third_time(x: int) -> int:
    attempt = int(os.environ["FLYTE_ATTEMPT_NUMBER"])
    if attempt < 2:
        raise RuntimeError(f"attempt {attempt}")
    return attempt

@env.task(retries=1)
async def never(x: int) -> int:
    raise RuntimeError("never")
`,
  );
  assert.deepEqual((await run("third_time", { x: 1 })).outputs, [2]);
  assert.equal((await run("never", { x: 1 })).code, "RetriesExhausted|RuntimeError");
});

test("traces are recorded as actions of the run", async (t) => {
  const { run } = await processSubject(
    t,
    `
import flyte
env = flyte.TaskEnvironment(name="e")

@flyte.trace
async def step(x: int) -> int:
    return x + 1

@env.task
async def main(x: int) -> int:
    return await step(x) + await step(x + 10)
`,
  );
  const outcome = await run("main", { x: 1 });
  assert.deepEqual(outcome.outputs, [14]);
  assert.equal(outcome.actions.length, 3);
});

test("kill -9 of the server in mid-run: the run finishes with its result, and no attempt starts twice", async (t) => {
  const data = await temporaryDirectory(t);
  const marks = await temporaryDirectory(t);
  const directory = await temporaryDirectory(t);
  const go = join(directory, "go");
  const args = ["--engine", "process", "--python", python, "--data", data];
  const first = await startServer(t, { args });
  await writeProgram(directory, {
    "main.py": MAIN,
    "flow.py": `
import asyncio, os, uuid, flyte
env = flyte.TaskEnvironment(name="e")

def mark(name):
    open(os.path.join(${JSON.stringify(marks)}, f"{name}.{uuid.uuid4().hex}"), "w").close()

@env.task
async def slow(i: int) -> int:
    mark(f"slow{i}")
    while not os.path.exists(${JSON.stringify(go)}):
        await asyncio.sleep(0.1)
    return i

@env.task
async def parent(n: int) -> int:
    mark("parent")
    return sum(await asyncio.gather(*[slow(i) for i in range(n)]))
`,
  });
  const client = runProgram(python, ["main.py", first.config, "parent", '{"n": 3}'], { cwd: directory });
  await until(async () => (await readdir(marks)).length >= 3);
  await first.kill("SIGKILL");
  await hangUpOnce(first.port);
  await startServer(t, { args: [...args, "--port", String(first.port)] });
  await writeFile(go, "");
  const outcome = outcomeOf(succeeded(await client));
  assert.deepEqual(outcome.outputs, [3]);
  const started = (await readdir(marks)).map((name) => name.split(".")[0] ?? "").toSorted();
  assert.deepEqual(started, ["parent", "slow0", "slow1", "slow2"]);
});

test("abort ends a run, its children, and their processes", async (t) => {
  const marks = await temporaryDirectory(t);
  const { server, directory, flyte } = await processSubject(
    t,
    `
import asyncio, os, flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def slow(i: int) -> int:
    open(os.path.join(${JSON.stringify(marks)}, str(os.getpid())), "w").close()
    await asyncio.sleep(600)
    return i

@env.task
async def parent(n: int) -> int:
    return sum(await asyncio.gather(*[slow(i) for i in range(n)]))
`,
  );
  const client = runProgram(
    python,
    ["main.py", server.config, "parent", '{"n": 2}', '{"name": "to-abort"}'],
    { cwd: directory },
  );
  await until(async () => (await readdir(marks)).length === 2);
  succeeded(await flyte("abort", "run", "to-abort"));
  const outcome = outcomeOf(succeeded(await client));
  assert.match(outcome.phase.toLowerCase(), /aborted/);
  await until(async () => (await readdir(marks)).every((pid) => !isAlive(Number(pid))));
  const actions = succeeded(await flyte("get", "action", "to-abort"));
  assert.equal(actions.code, 0);
});

test("deployed twice, listed, and run by name and version", async (t) => {
  const { server, directory, flyte } = await processSubject(t, TWO_ENVIRONMENTS);
  await writeProgram(directory, {
    "deploy.py": `
import sys, flyte, flow
flyte.init_from_config(sys.argv[1])
flyte.deploy(flow.env_data, version="1.0.0")
`,
  });
  for (let n = 0; n < 2; n++) {
    succeeded(await runProgram(python, ["deploy.py", server.config], { cwd: directory }));
  }
  assert.match(succeeded(await flyte("get", "task")).stdout, /data-prep\.prepare/);
  await writeProgram(directory, {
    "remote.py": `
import sys, flyte, flyte.remote
flyte.init_from_config(sys.argv[1])
task = flyte.remote.Task.get("data-prep.prepare", version="1.0.0")
run = flyte.run(task, raw="Hello World")
run.wait()
print(run.outputs()[0])
latest = flyte.remote.Task.get("training.train", auto_version="latest").fetch()
print(latest.version)
`,
  });
  const result = succeeded(await runProgram(python, ["remote.py", server.config], { cwd: directory }));
  assert.deepEqual(result.stdout.trim().split("\n").slice(-2), ["11.0", "1.0.0"]);
});

test("a task calls a deployed task with other code by reference; a task that is not deployed is refused", async (t) => {
  const { directory, server, python: program } = await processSubject(t, TWO_ENVIRONMENTS);
  await program(
    "deploy.py",
    `
import sys, flyte, flow
flyte.init_from_config(sys.argv[1])
flyte.deploy(flow.env_train, version="1.0.0")
`,
  );
  await writeProgram(directory, {
    "calls/caller.py": `
import flyte, flyte.remote
env = flyte.TaskEnvironment(name="caller")

@env.task
async def call(bundle: str) -> str:
    train = flyte.remote.Task.get("training.train", version="1.0.0")
    if bundle:
        details = await train.fetch.aio()
        container = details.pb2.spec.task_template.container
        container.args[list(container.args).index("--tgz") + 1] = bundle
        train = details
    try:
        return str(await train(processed="hello"))
    except Exception as error:
        return str(error)
`,
    "calls/main.py": `
import sys, flyte, caller
flyte.init_from_config(sys.argv[1])
for bundle in ("", "s3://boxkite/flytesnacks/development/runs/somebody/a0/1/outputs.pb", "s3://boxkite/"):
    run = flyte.run(caller.call, bundle=bundle)
    run.wait(quiet=True)
    print(run.outputs()[0])
`,
  });
  const { stdout } = succeeded(
    await runProgram(python, ["main.py", server.config], { cwd: join(directory, "calls") }),
  );
  const [well, foreign, whole] = stdout.trim().split("\n").slice(-3);
  assert.equal(well, "5.0");
  assert.match(foreign ?? "", /runs\/somebody.*may not read/u);
  assert.doesNotMatch(whole ?? "", /^5/u);
});

test("two clients create the same run name: one succeeds, the other is refused", async (t) => {
  const { run } = await processSubject(t, TWO_ENVIRONMENTS);
  const outcomes = await Promise.allSettled([1, 2].map(() => run("prepare", {}, { name: "the-run" })));
  assert.equal(outcomes.filter((outcome) => outcome.status === "fulfilled").length, 1);
  const [refused] = outcomes.filter((outcome) => outcome.status === "rejected");
  assert.match(String((refused as PromiseRejectedResult).reason), /already exists|exists already/);
});

test("variables and labels of a run reach every action; what is not supported is refused in words", async (t) => {
  const { run } = await processSubject(
    t,
    `
import os, flyte
env = flyte.TaskEnvironment(name="e")
secretive = flyte.TaskEnvironment(name="secretive", secrets="key")
big = flyte.TaskEnvironment(name="big", env_vars={"BIG": "x" * (129 * 1024)})

@env.task
async def child(x: int) -> str:
    return os.environ.get("TEAM", "none")

@env.task
async def parent(x: int) -> str:
    return os.environ.get("TEAM", "none") + " " + await child(x)

@big.task
async def burdened(x: int) -> int:
    return x

@secretive.task
async def knows(x: int) -> int:
    return x

@env.task(max_inline_io_bytes=2**30)
async def measure(text: str) -> int:
    return len(text)

@env.task
async def asks(x: int) -> int:
    return await knows(x)

@env.task
async def passes(mib: int) -> int:
    return await measure("x" * (mib << 20))
`,
  );
  const outcome = await run("parent", { x: 1 }, { env_vars: { TEAM: "data" }, labels: { team: "data" } });
  assert.deepEqual(outcome.outputs, ["data data"]);
  await assert.rejects(
    run("parent", { x: 1 }, { service_account: "me" }),
    /the run asks for a service_account/u,
  );
  await assert.rejects(run("burdened", { x: 1 }), /variable "BIG" of task big\.burdened has 132,100 bytes/u);
  // Of a child, the refusal is the error of the task that called it, and its author's.
  const secretive = await run("asks", { x: 1 });
  assert.match(secretive.error ?? "", /task secretive\.knows asks for secrets.*hint: leave secrets out/su);
  assert.equal(secretive.kind, 1);
  const large = await run("passes", { mib: 65 });
  assert.match(large.error ?? "", /inputs of task e\.measure have 68,157,\d{3} bytes.*hint: .*File/su);
  assert.equal(large.kind, 1);
});

test("the answer to an unknown RPC names it", async (t) => {
  const server = await startServer(t, { args: ["--engine", "process", "--python", python, "--ephemeral"] });
  const call = async (path: string) => {
    const response = await fetch(`${server.ready.url}/${path}`, {
      method: "POST",
      headers: { "content-type": "application/proto" },
      body: new Uint8Array(),
    });
    return { status: response.status, body: (await response.json()) as { code: string; message: string } };
  };
  const known = await call("flyteidl2.trigger.TriggerService/ListTriggers");
  assert.equal(known.body.code, "unimplemented");
  assert.match(known.body.message, /does not have triggers yet \(ListTriggers\); hint: /u);
  const unknown = await call("flyteidl2.workflow.RunService/Nonsense");
  assert.equal(unknown.body.code, "unimplemented");
  assert.match(unknown.body.message, /RunService\/Nonsense/);
});

test("a second start on a port or data directory in use names the server that has it", async (t) => {
  const data = await temporaryDirectory(t);
  const server = await startServer(t, { args: ["--engine", "process", "--python", python, "--data", data] });
  const args = ["--engine", "process", "--python", python];
  await assert.rejects(
    startServer(t, { args: [...args, "--ephemeral", "--port", String(server.port)] }),
    new RegExp(`port ${server.port} is in use by .*pid ${server.ready.pid}`),
  );
  await assert.rejects(
    startServer(t, { args: [...args, "--data", data] }),
    new RegExp(`pid ${server.ready.pid}`),
  );
});

test("the process executor without a0 names the command to install it", async (t) => {
  await assert.rejects(
    startServer(t, { args: ["--engine", "process", "--python", "/nowhere/python", "--ephemeral"] }),
    /pip install flyte/,
  );
});

test("a task's environment contains nothing of the server's environment", async (t) => {
  const secrets = { AWS_SECRET_ACCESS_KEY: "x", FLYTECTL_CONFIG: "/y", UCTL_CONFIG: "/z" };
  const server = await startServer(t, {
    args: ["--engine", "process", "--python", python, "--ephemeral"],
    env: secrets,
  });
  const directory = await temporaryDirectory(t);
  await writeProgram(directory, {
    "main.py": MAIN,
    "flow.py": `
import os, flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def names(x: int) -> list[str]:
    return sorted(os.environ)
`,
  });
  const result = succeeded(
    await runProgram(python, ["main.py", server.config, "names", '{"x": 1}'], { cwd: directory }),
  );
  const outcome = outcomeOf(result);
  const names = outcome.outputs?.[0] as string[];
  assert.ok(names.includes("RUN_NAME"));
  for (const name of Object.keys(secrets)) assert.ok(!names.includes(name), name);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Listens at the server's port until a client that lost the server has called. */
async function hangUpOnce(port: number): Promise<void> {
  const listener = createServer((socket) => socket.destroy()).listen(port, "127.0.0.1");
  await once(listener, "connection");
  listener.close();
  await once(listener, "close");
}
