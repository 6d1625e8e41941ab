/** A sample of the orchestrator's semantics in real containers; the rest is tested on the process executor. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, suite, test } from "node:test";
import { listContainers, missingEngine } from "../helpers/engine.ts";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { stockPython, succeeded } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

const skip = missingEngine("podman");

const FLOW = `
import asyncio, os, uuid, flyte
from datetime import timedelta
env = flyte.TaskEnvironment(name="e", image="ghcr.io/flyteorg/flyte:py3.11-v2.12.1")

@env.task(retries=1)
async def second_time(x: int) -> int:
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        os._exit(9)
    return int(os.environ["FLYTE_ATTEMPT_NUMBER"])

@env.task(timeout=flyte.Timeout(max_runtime=timedelta(seconds=3)))
async def too_long(x: int) -> int:
    await asyncio.sleep(600)
    return x

@env.task(cache=flyte.Cache(behavior="override", version_override="v1"))
async def cached(x: int) -> str:
    return uuid.uuid4().hex

@flyte.trace
async def step(x: int) -> str:
    return uuid.uuid4().hex

@env.task
async def parent(x: int) -> list[str]:
    try:
        await too_long(1)
    except Exception as error:
        raised = type(error).__name__
    condition = await flyte.new_condition.aio("ok", prompt="go on?", data_type=bool)
    answer = await condition.wait.aio()
    return [raised, await cached(1), await cached(1), await step(1), str(answer), str(await second_time(1))]

@env.task
async def endless(x: int) -> int:
    await asyncio.sleep(600)
    return x

small = flyte.TaskEnvironment(name="small", image=env.image, resources=flyte.Resources(memory=("200Mi", "400Mi")), depends_on=[env])

@small.task(retries=1)
async def hungry(x: int) -> str:
    child = await cached(x)
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        bytes(bytearray(os.urandom(1)) * (2 << 30))
    return child
`;

const RESOURCES = `
import asyncio, os, flyte
image = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1"
small = flyte.TaskEnvironment(name="small", image=image, resources=flyte.Resources(cpu="500m", memory="250Mi", shm="auto"))
whole = flyte.TaskEnvironment(name="whole", image=image, resources=flyte.Resources(shm="auto"), depends_on=[small])

def shared_memory() -> int:
    disk = os.statvfs("/dev/shm")
    return disk.f_blocks * disk.f_frsize

def machine() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

@small.task
async def hungry(x: int) -> int:
    return len(b"1" * (800 << 20))

@small.task
async def limited(x: int) -> int:
    return shared_memory()

@whole.task
async def sizes(x: int) -> list[str]:
    try:
        await hungry(x)
        raised = "nothing"
    except Exception as error:
        raised = type(error).__name__
    return [raised, str(await limited(x)), str(shared_memory() // 2**20), str(machine() // 2**20)]
`;

const TEMPLATES = `
import os, flyte
image = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1"
held = flyte.TaskEnvironment(name="held", image=image)
debug = flyte.TaskEnvironment(name="debug", image=image, pod_template="debug")
closed = flyte.TaskEnvironment(name="closed", image=image, pod_template="closed")
outer = flyte.TaskEnvironment(name="outer", image=image, depends_on=[held, debug, closed])

def confinement() -> str:
    lines = open("/proc/self/status").read().splitlines()
    return " ".join(line.split()[1] for line in lines if line.startswith(("CapBnd", "NoNewPrivs")))

@held.task
async def by_default(x: int) -> str:
    return confinement()

@debug.task
async def debugged(x: int) -> str:
    return confinement()

@closed.task
async def in_closed_root(x: int) -> str:
    try:
        open("/opt/file", "w")
        return "the root was written"
    except OSError as error:
        return os.strerror(error.errno)

@held.task
async def bomb(x: int) -> int:
    children = []
    try:
        while True:
            child = os.fork()
            if child == 0:
                import time
                time.sleep(600)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, 9)

@outer.task
async def all_three(x: int) -> list[str]:
    try:
        await by_default.override(pod_template="absent")(x)
        refused = "nothing"
    except Exception as error:
        refused = str(error)
    return [await by_default(x), await debugged(x), await in_closed_root(x), refused]
`;

const TEMPLATE_SETTINGS = `
containers:
  max-processes: 300
pod-templates:
  debug:
    no-new-privileges: false
    add-capabilities: [SYS_PTRACE]
  closed:
    read-only-root: true
    writable: [/home/flyte]
`;

suite("semantics on podman", { skip: skip ?? false }, () => {
  before(() => usePython(stockPython()));

  test("retries, time limits, cache, traces, conditions, aborts, and a parent that runs out of memory", async (t) => {
    const { run, flyte, python } = await processSubject(t, FLOW, ["--engine", "podman"]);
    const waiting = run("parent", { x: 1 }, { name: "samples" });
    await until(async () => (await flyte("get", "condition", "samples")).stdout.includes("ok"), 90_000);
    await python(
      "answer.py",
      `
import sys, flyte
from flyte.remote import Condition
flyte.init_from_config(sys.argv[1])
Condition.get("ok", run_name="samples").signal(True)
`,
    );
    const outcome = await waiting;
    assert.equal(outcome.error, null);
    const [raised, one, two, trace, answer, attempt] = (outcome.outputs?.[0] ?? []) as string[];
    assert.match(raised ?? "", /Timeout|MaxRuntime/u);
    assert.equal(two, one);
    assert.match(trace ?? "", /^[0-9a-f]{32}$/u);
    assert.deepEqual([answer, attempt], ["True", "1"]);

    // In a container of its own, which has the label of its run.
    const cold = { BOXKITE_WARM_START: "off" };
    const name = `ended-${process.pid}`;
    const ended = run("endless", { x: 1 }, { name, env_vars: cold });
    const containers = () =>
      listContainers("podman", ["--all", "--quiet", "--filter", `label=dev.boxkite.run=${name}`]);
    await until(async () => (await containers()).length > 0);
    succeeded(await flyte("abort", "run", name));
    assert.match((await ended).phase.toLowerCase(), /aborted/u);
    await until(async () => (await containers()).length === 0);

    // A parent that exceeded its memory says so, and its next attempt finds its child.
    const fed = await run("hungry", { x: 99 }, { name: "hungry" });
    assert.deepEqual([fed.error, fed.actions], [null, ["e.cached", "small.hungry"]]);
    const told = await python(
      "attempts.py",
      `
import sys, json, flyte
from flyte.remote import Action, Run
flyte.init_from_config(sys.argv[1])
attempts = Run.get("hungry").details().action_details.pb2.attempts
child = [action for action in Action.listall(for_run_name="hungry") if action.task_name == "e.cached"][0]
print(json.dumps([[one.error_info.message for one in attempts], child.pb2.status.attempts]))
`,
    );
    const [errors, childAttempts] = JSON.parse(told.stdout.trim().split("\n").at(-1) ?? "") as [
      string[],
      number,
    ];
    assert.match(errors[0] ?? "", /killed for using more memory than its limit/u);
    assert.deepEqual([errors.length, childAttempts], [2, 1]);
  });

  test('a request without a limit is the limit, and shm="auto" is as large as possible', async (t) => {
    const { run } = await processSubject(t, RESOURCES, ["--engine", "podman"]);
    const { error, outputs } = await run("sizes", { x: 1 });
    assert.equal(error, null);
    const [raised, limited, unlimited, machine] = (outputs?.[0] ?? []) as string[];
    assert.deepEqual([raised, limited, unlimited], ["OOMError", String(250 * 2 ** 20), machine]);
  });

  test("a pod template says what else a container may do, and its attempt shows it", async (t) => {
    const settings = join(await temporaryDirectory(t), "boxkite.yaml");
    await writeFile(settings, TEMPLATE_SETTINGS);
    const { run } = await processSubject(t, TEMPLATES, ["--engine", "podman", "--config", settings]);
    const outcome = await run("all_three", { x: 1 });
    assert.equal(outcome.error, null);
    const [held, debugged, closed, refused] = (outcome.outputs?.[0] ?? []) as string[];
    // With SYS_PTRACE, the bit 19.
    assert.deepEqual([held, debugged], ["00000000000004fb 1", "00000000000804fb 0"]);
    assert.equal(closed, "Read-only file system");
    assert.match(refused ?? "", /the settings of this server have no pod template absent/u);

    const single = await run("debugged", { x: 1 });
    const page = await (await fetch(single.url)).text();
    const note =
      "by the pod template debug: programs may gain privileges (setuid); capabilities added: SYS_PTRACE; at most 300 processes";
    assert.ok(page.includes(note), "the run's page");

    const bombed = await run("bomb", { x: 1 });
    assert.match(bombed.error ?? "", /Resource temporarily unavailable/u);
    assert.match(bombed.error ?? "", /refused it more than 300 processes and threads/u);
  });
});
