/** The orchestrator's semantics, with the stock Python SDK and tasks as processes. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

before(() => usePython(stockPython()));

const CACHED = `
import asyncio, pathlib, uuid, flyte
env = flyte.TaskEnvironment(name="e")

@env.task(cache=flyte.Cache(behavior="override", version_override="v1"))
async def expensive(x: int) -> str:
    return f"{x} {uuid.uuid4().hex}"

@env.task
async def parent(x: int) -> str:
    return await expensive(x)

@env.task(cache=flyte.Cache(behavior="override", version_override="v1", serialize=True))
async def one_at_a_time(go: str) -> str:
    while not pathlib.Path(go).exists():
        await asyncio.sleep(0.1)
    return uuid.uuid4().hex
`;

test("a cached result is used by children and roots of other runs, until it is overwritten", async (t) => {
  const { run } = await processSubject(t, CACHED);
  const [first] = (await run("parent", { x: 1 })).outputs ?? [];
  const [again] = (await run("parent", { x: 1 })).outputs ?? [];
  const [other] = (await run("parent", { x: 2 })).outputs ?? [];
  assert.equal(again, first);
  assert.notEqual(other, first);
  // The same task with the same inputs, whether it is a child or a root.
  assert.deepEqual((await run("expensive", { x: 1 })).outputs, [first]);
  const [root] = (await run("expensive", { x: 7 })).outputs ?? [];
  assert.deepEqual((await run("expensive", { x: 7 })).outputs, [root]);
  assert.notDeepEqual((await run("expensive", { x: 7 }, { overwrite_cache: true })).outputs, [root]);
});

test("of two runs that compute the same serialized result, one computes and the other waits for it", async (t) => {
  const { run, shows, directory } = await processSubject(t, CACHED, ["--max-parallel", "4"]);
  const go = join(directory, "go");
  const computes = run("one_at_a_time", { go }, { name: "computes" });
  await shows("computes", "running");
  const waits = run("one_at_a_time", { go }, { name: "waits" });
  await shows("waits", "waiting_for_resources");
  await writeFile(go, "");
  assert.deepEqual((await waits).outputs, (await computes).outputs);
});

const LIMITS = `
import asyncio, pathlib, flyte
from datetime import timedelta
env = flyte.TaskEnvironment(name="e")

@env.task(timeout=flyte.Timeout(max_runtime=timedelta(seconds=3)))
async def too_long(x: int) -> int:
    await asyncio.sleep(60)
    return x

@env.task(timeout=flyte.Timeout(deadline=timedelta(seconds=3)))
async def too_late(x: int) -> int:
    await asyncio.sleep(60)
    return x

@env.task(timeout=flyte.Timeout(max_queued_time=timedelta(seconds=1)))
async def queued(x: int) -> int:
    return x

@env.task
async def blocker(mark: str) -> int:
    pathlib.Path(mark).touch()
    while pathlib.Path(mark).exists():
        await asyncio.sleep(0.1)
    return 1

@env.task
async def catches(x: int) -> str:
    try:
        await too_long(x)
    except Exception as error:
        return type(error).__name__
    return "nothing"
`;

test("tasks that exceed their time limits are ended, and raise the SDK's own exceptions", async (t) => {
  const { run } = await processSubject(t, LIMITS, ["--max-parallel", "4"]);
  const [tooLong, tooLate, caught] = await Promise.all([
    run("too_long", { x: 1 }),
    run("too_late", { x: 1 }),
    run("catches", { x: 1 }),
  ]);
  assert.equal(tooLong.code, "MAX_RUNTIME_EXCEEDED");
  assert.match(tooLong.phase.toLowerCase(), /timed_out/);
  assert.equal(tooLate.code, "DEADLINE_EXCEEDED");
  assert.match(String(caught.outputs?.[0]), /Timeout|MaxRuntime/);
});

test("an action that waits in the queue beyond its limit times out", async (t) => {
  const { run, directory } = await processSubject(t, LIMITS, ["--max-parallel", "1"]);
  const mark = join(directory, "blocks");
  const blocking = run("blocker", { mark });
  await until(async () => existsSync(mark));
  const waited = await run("queued", { x: 1 });
  await rm(mark);
  assert.equal(waited.code, "QUEUED_TIMEOUT_EXCEEDED");
  assert.deepEqual((await blocking).outputs, [1]);
});

const CONDITIONS = `
import flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def approve(hook: str) -> str:
    webhook = flyte.ConditionWebhook(url=hook, payload={"answer_at": "{callback_uri}"}) if hook else None
    condition = await flyte.new_condition.aio("ok", prompt="go on?", data_type=bool, webhook=webhook)
    return str(await condition.wait.aio())

@env.task
async def impatient(x: int) -> str:
    condition = await flyte.new_condition.aio("ok", prompt="go on?", data_type=bool, timeout=1)
    try:
        return str(await condition.wait.aio())
    except Exception as error:
        return type(error).__name__
`;

test("a condition pauses its run until it is answered, with a value of its type", async (t) => {
  const { run, flyte, python } = await processSubject(t, CONDITIONS);
  const waiting = run("approve", { hook: "" }, { name: "waits" });
  await until(async () => (await flyte("get", "condition", "waits")).stdout.includes("ok"));
  const answered = await python(
    "answer.py",
    `
import sys, flyte
from flyte.remote import Condition
flyte.init_from_config(sys.argv[1])
condition = Condition.get("ok", run_name="waits")
try:
    condition.signal("perhaps")
except Exception as error:
    print(error)
condition.signal(True)
`,
  );
  assert.match(answered.stdout, /wants a value of type bool, not str/);
  assert.deepEqual((await waiting).outputs, ["True"]);
});

test("a condition that is not answered times out", async (t) => {
  const { run } = await processSubject(t, CONDITIONS);
  assert.deepEqual((await run("impatient", { x: 1 })).outputs, ["ConditionTimedoutError"]);
});

test("a condition's webhook is sent, and an answer at its address resumes the run", async (t) => {
  const receiver = await startReceiver(t);
  const settings = join(await temporaryDirectory(t), "settings.yaml");
  await writeFile(settings, `egress: {allow: ["${new URL(receiver.url).host}"]}\n`);
  const { run } = await processSubject(t, CONDITIONS, ["--config", settings]);
  const waiting = run("approve", { hook: receiver.url });
  await until(async () => receiver.received.length > 0);
  const { answer_at: address } = JSON.parse(receiver.received[0]?.body ?? "") as { answer_at: string };
  const refused = await fetch(address, { method: "POST", body: '{"value": "yes"}' });
  assert.equal(refused.status, 400);
  assert.equal((await fetch(address, { method: "POST", body: '{"value": true}' })).status, 200);
  assert.deepEqual((await waiting).outputs, ["True"]);
});

test("recover reuses the results of succeeded actions and runs the rest; forced actions run again", async (t) => {
  const { run, directory, python } = await processSubject(
    t,
    `
import os, uuid, pathlib, flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def good(x: int) -> str:
    return uuid.uuid4().hex

@env.task
async def flaky(flag: str) -> int:
    if not pathlib.Path(flag).exists():
        raise RuntimeError("not yet")
    return 1

@env.task
async def main(flag: str) -> str:
    kept = await good(1)
    await flaky(flag)
    return kept
`,
  );
  const flag = `${directory}/flag`;
  const first = await run("main", { flag });
  assert.match(first.phase.toLowerCase(), /failed/);
  const recovered = await python(
    "recover.py",
    `
import sys, json, pathlib, flyte, flow
from flyte.remote import Action, Run
pathlib.Path(${JSON.stringify(flag)}).touch()
flyte.init_from_config(sys.argv[1])

def outcome(**options):
    run = flyte.with_runcontext().rerun(${JSON.stringify(first.name)}, recover=True, **options)
    run.wait()
    actions = {action.task_name: action for action in Action.listall(for_run_name=run.name)}
    return {"output": run.outputs()[0], "phases": {name: str(action.phase).upper() for name, action in actions.items()}}

good = [action.name for action in Action.listall(for_run_name=${JSON.stringify(first.name)}) if action.task_name == "e.good"][0]
print(json.dumps([outcome(), outcome(), outcome(force_rerun_actions=[good])]))
`,
  );
  type Recovered = { output: string; phases: Record<string, string> };
  const [one, two, forced] = JSON.parse(recovered.stdout.trim().split("\n").at(-1) ?? "") as [
    Recovered,
    Recovered,
    Recovered,
  ];
  assert.match(one.phases["e.good"] ?? "", /RECOVERED/u);
  assert.match(one.phases["e.flaky"] ?? "", /SUCCEEDED/u);
  assert.equal(two.output, one.output);
  assert.match(forced.phases["e.good"] ?? "", /SUCCEEDED/u);
  assert.notEqual(forced.output, one.output);
});

test("offloaded data goes to the location that the run names", async (t) => {
  const { run } = await processSubject(
    t,
    `
import flyte
from flyte.io import File
env = flyte.TaskEnvironment(name="e")

@env.task
async def make(x: int) -> str:
    with open("made.txt", "w") as out:
        out.write("x")
    return (await File.from_local("made.txt")).path
`,
  );
  const raw_data_path = "s3://boxkite/flytesnacks/development/elsewhere";
  const outcome = await run("make", { x: 1 }, { raw_data_path, name: "offloads" });
  assert.ok(String(outcome.outputs?.[0]).startsWith(`${raw_data_path}/runs/offloads/`));
});

test("a run's own concurrency limit holds; its parent occupies one slot", async (t) => {
  const { run } = await processSubject(
    t,
    `
import asyncio, time, flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def span(i: int) -> list[float]:
    start = time.time()
    await asyncio.sleep(0.5)
    return [start, time.time()]

@env.task
async def main(n: int) -> int:
    spans = sorted(await asyncio.gather(*[span(i) for i in range(n)]))
    return sum(1 for a, b in zip(spans, spans[1:]) if b[0] < a[1])
`,
    ["--max-parallel", "6"],
  );
  assert.deepEqual((await run("main", { n: 3 }, { max_action_concurrency: 2 })).outputs, [0]);
});

test("a killed parent is retried and finds its children: none runs twice", async (t) => {
  const { run, directory } = await processSubject(
    t,
    `
import asyncio, os, pathlib, signal, uuid, flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def child(place: str, i: int) -> int:
    pathlib.Path(place, f"child{i}.{uuid.uuid4().hex}").touch()
    return i

@env.task(retries=1)
async def parent(place: str) -> int:
    total = sum(await asyncio.gather(*[child(place, i) for i in range(3)]))
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        os.kill(os.getpid(), signal.SIGKILL)
    return total
`,
  );
  const outcome = await run("parent", { place: directory });
  assert.deepEqual(outcome.outputs, [3]);
  const { readdir } = await import("node:fs/promises");
  const started = (await readdir(directory))
    .filter((name) => name.startsWith("child"))
    .map((name) => name.split(".")[0] ?? "");
  assert.deepEqual(started.toSorted(), ["child0", "child1", "child2"]);
});

test("a checkpoint of a failed attempt is available to the next", async (t) => {
  const { run } = await processSubject(
    t,
    `
import os, flyte
env = flyte.TaskEnvironment(name="e")

@env.task(retries=1)
async def resumes(x: int) -> str:
    checkpoint = flyte.ctx().checkpoint
    before = await checkpoint.load()
    if before is None:
        await checkpoint.save(b"half-way")
        raise RuntimeError("lost it")
    return before.read_bytes().decode()
`,
  );
  assert.deepEqual((await run("resumes", { x: 1 })).outputs, ["half-way"]);
});

test("a file of one run that is an input of another is readable there, and nothing else of the first run is", async (t) => {
  const { run, python } = await processSubject(
    t,
    `
import flyte, obstore, os
from flyte.io import File
from obstore.store import S3Store
env = flyte.TaskEnvironment(name="e")

@env.task
async def make(text: str) -> File:
    with open("made.txt", "w") as out:
        out.write(text)
    return await File.from_local("made.txt")

@env.task
async def use(file: File) -> list[str]:
    async with file.open("rb") as handle:
        content = bytes(await handle.read()).decode()
    store = S3Store("boxkite", endpoint=os.environ["FLYTE_AWS_ENDPOINT"], access_key_id=os.environ["FLYTE_AWS_ACCESS_KEY_ID"],
        secret_access_key=os.environ["FLYTE_AWS_SECRET_ACCESS_KEY"], region="us-east-1", client_options={"allow_http": True})
    other = file.path.split("/runs/")[1].split("/")[0]
    prefix = file.path.removeprefix("s3://boxkite/").split(other)[0] + other
    told = []
    for attempt in (lambda: obstore.get(store, prefix + "/a0/1/outputs.pb").bytes(), lambda: obstore.put(store, prefix + "/a0/1/planted", b"x")):
        try:
            attempt()
            told.append("allowed")
        except Exception as error:
            told.append("denied" if "AccessDenied" in str(error) or "403" in str(error) or "Permission" in type(error).__name__ else str(error))
    return [content, *told]
`,
  );
  const made = await run("make", { text: "from one run" }, { name: "maker" });
  assert.match(made.phase.toLowerCase(), /succeeded/);
  const used = await python(
    "use.py",
    `
import sys, json, flyte, flow
from flyte.remote import Run
flyte.init_from_config(sys.argv[1])
run = flyte.run(flow.use, file=Run.get("maker").outputs()[0])
run.wait()
print(json.dumps(run.outputs()[0]))
`,
  );
  assert.deepEqual(JSON.parse(used.stdout.trim().split("\n").at(-1) ?? ""), [
    "from one run",
    "denied",
    "denied",
  ]);
});
